import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { InstanceName } from "../../../src/engine/plan.ts";
import { type Need, type Performed, schedule, type Task, type Work } from "../../../src/engine/scheduler.ts";

const task = (name: string, producers: readonly string[] = [], seconds = 1): Task => ({
  name: name as InstanceName,
  producers: producers as InstanceName[],
  seconds,
});

interface Told {
  readonly log: string[];
  readonly most: number;
}

interface Script {
  readonly tasks: readonly Task[];
  readonly jobs?: number;
  readonly keepGoing?: boolean;
  readonly needs?: Readonly<Record<string, Need>>;
  readonly perform?: (name: string) => Promise<Performed>;
  readonly signal?: AbortSignal;
}

/** Runs a schedule whose tasks do nothing but be logged: `examine a`, `start a`, `done a`, `skip b (a)`. */
async function play({
  tasks,
  jobs = 1,
  keepGoing = false,
  needs = {},
  perform,
  signal = new AbortController().signal,
}: Script): Promise<Told> {
  const log: string[] = [];
  let running = 0;
  let most = 0;
  const work: Work = {
    examine: (name) => needs[name] ?? "execution",
    async perform(name) {
      log.push(`start ${name}`);
      most = Math.max(most, ++running);
      await Promise.resolve();
      const performed = (await perform?.(name)) ?? "done";
      running--;
      log.push(`${typeof performed === "string" ? performed : "again"} ${name}`);
      return performed;
    },
    skipped: (name, because) => void log.push(`skip ${name} (${because})`),
  };
  await schedule({ tasks, jobs, keepGoing, signal }, work);
  return { log, most };
}

describe("the schedule", () => {
  it("starts with what the longest chain hangs on", async () => {
    const tasks = [
      task("short", [], 1),
      task("long", [], 3),
      task("start", [], 1),
      task("middle", ["start"], 1),
      task("end", ["middle"], 5),
    ];
    const { log } = await play({ tasks });
    expect(log.filter((line) => line.startsWith("start "))).toEqual([
      "start start",
      "start middle",
      "start end",
      "start long",
      "start short",
    ]);
  });

  it("takes depth where no times are known", async () => {
    const tasks = [task("a", [], 0), task("b", [], 0), task("c", ["b"], 0)];
    expect((await play({ tasks })).log[0]).toBe("start b");
  });

  it("skips what hangs on a failure; without --keep-going, all that has not started", async () => {
    const tasks = [task("bad", [], 9), task("after", ["bad"]), task("other", [], 2), task("later", ["other"])];
    const perform = async (name: string): Promise<Performed> => (name === "bad" ? "failed" : "done");
    expect((await play({ tasks, perform })).log).toEqual([
      "start bad",
      "failed bad",
      "skip after (bad)",
      "skip other (bad)",
      "skip later (bad)",
    ]);
    expect((await play({ tasks, perform, keepGoing: true })).log).toEqual([
      ...["start bad", "failed bad", "skip after (bad)"],
      ...["start other", "done other", "start later", "done later"],
    ]);
  });

  it("lets what is running end well after a failure elsewhere", async () => {
    const tasks = [task("bad", [], 9), task("slow", [], 8), task("never", [], 1)];
    let release = (): void => undefined;
    const gate = new Promise<void>((fulfil) => {
      release = fulfil;
    });
    const perform = async (name: string): Promise<Performed> => {
      if (name === "bad") return "failed";
      await gate;
      return "done";
    };
    const played = play({ tasks, jobs: 2, perform });
    await Promise.resolve();
    setImmediate(release);
    expect((await played).log).toEqual(["start bad", "start slow", "failed bad", "skip never (bad)", "done slow"]);
  });

  it("gives the slot away while another process is at it", async () => {
    const tasks = [task("shared", [], 9), task("own", [], 1)];
    let release = (): void => undefined;
    const freed = new Promise<void>((fulfil) => {
      release = fulfil;
    });
    let attempts = 0;
    const { log } = await play({
      tasks,
      perform: async (name) => {
        if (name === "own") release();
        return name === "shared" && attempts++ === 0 ? { again: freed } : "done";
      },
    });
    expect(log).toEqual(["start shared", "again shared", "start own", "done own", "start shared", "done shared"]);
  });

  it("tells how many could run beside each other", async () => {
    const seen: [string, number][] = [];
    const tasks = [task("a", [], 9), task("b", [], 5), task("c", [], 1), task("last", ["a", "b", "c"])];
    await schedule(
      { tasks, jobs: 2, keepGoing: false, signal: new AbortController().signal },
      {
        examine: () => "execution",
        perform: async (name, _, parallel) => {
          seen.push([name, parallel]);
          return "done";
        },
        skipped: () => undefined,
      },
    );
    expect(seen[0]).toEqual(["a", 2]);
    expect(seen.at(-1)).toEqual(["last", 1]);
  });

  it("stops at an interruption: nothing starts any more, everything is accounted for", async () => {
    const controller = new AbortController();
    const tasks = [task("a", [], 9), task("b", ["a"]), task("c", [], 2)];
    const { log } = await play({
      tasks,
      signal: controller.signal,
      perform: async () => {
        controller.abort();
        return "interrupted";
      },
    });
    expect(log[0]).toBe("start a");
    expect(log.slice(1).sort()).toEqual([
      "interrupted a",
      "skip a (interrupted)",
      "skip b (interrupted)",
      "skip c (interrupted)",
    ]);
    expect((await play({ tasks, signal: AbortSignal.abort() })).log.sort()).toEqual([
      "skip a (interrupted)",
      "skip b (interrupted)",
      "skip c (interrupted)",
    ]);
  });

  it("passes a bug on instead of hanging", async () => {
    await expect(play({ tasks: [task("a")], perform: () => Promise.reject(new Error("bug")) })).rejects.toThrow("bug");
  });

  it("does each task once, after its producers, never more at a time than jobs, on any graph", async () => {
    const graphs = fc.integer({ min: 1, max: 25 }).chain((size) =>
      fc.tuple(
        fc.array(fc.array(fc.nat(), { maxLength: 3 }), { minLength: size, maxLength: size }),
        fc.array(fc.constantFrom<Need>("nothing", "restore", "execution", "execution", "failed"), {
          minLength: size,
          maxLength: size,
        }),
        fc.array(fc.boolean(), { minLength: size, maxLength: size }),
        fc.integer({ min: 1, max: 4 }),
        fc.boolean(),
      ),
    );
    await fc.assert(
      fc.asyncProperty(graphs, async ([edges, kinds, broken, jobs, keepGoing]) => {
        const tasks = edges.map((producers, i) =>
          task(`t${i}`, i === 0 ? [] : [...new Set(producers.map((p) => `t${p % i}`))], i % 5),
        );
        const needs = Object.fromEntries(tasks.map(({ name }, i) => [name, kinds[i]!]));
        const failing = new Set(tasks.filter((_, i) => broken[i] && i % 4 === 3).map(({ name }) => name as string));
        const { log } = await play({
          tasks,
          jobs,
          keepGoing,
          needs,
          perform: async (name) => (failing.has(name) ? "failed" : "done"),
        });
        const started = log.filter((line) => line.startsWith("start ")).map((line) => line.slice(6));
        const skipped = log.filter((line) => line.startsWith("skip ")).map((line) => line.split(" ")[1]!);
        const ended = new Set(log.filter((line) => line.startsWith("done ")).map((line) => line.slice(5)));
        expect(new Set(started).size).toBe(started.length);
        expect(new Set(skipped).size).toBe(skipped.length);
        for (const { name, producers } of tasks) {
          const bad = producers.some(
            (producer) =>
              skipped.includes(producer) ||
              (failing.has(producer) && started.includes(producer)) ||
              needs[producer] === "failed",
          );
          if (bad) expect(started).not.toContain(name);
          if (!started.includes(name)) continue;
          for (const producer of producers) {
            if (needs[producer] === "nothing") continue;
            expect(ended.has(producer)).toBe(true);
            expect(log.indexOf(`done ${producer}`)).toBeLessThan(log.indexOf(`start ${name}`));
          }
        }
        // All are accounted for.
        const silent = tasks.filter(({ name }) => needs[name] === "nothing" || needs[name] === "failed");
        const told = new Set([...started, ...skipped, ...silent.map(({ name }) => name as string)]);
        expect(told.size).toBe(tasks.length);
        const executions = started.filter((name) => needs[name] === "execution");
        let running = 0;
        for (const line of log) {
          const [word, name = ""] = line.split(" ");
          if (!executions.includes(name)) continue;
          if (word === "start") expect(++running).toBeLessThanOrEqual(jobs);
          if (word === "done" || word === "failed") running--;
        }
      }),
      { numRuns: 200 },
    );
  });
});
