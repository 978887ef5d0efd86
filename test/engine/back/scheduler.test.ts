import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { InstanceName, Resources } from "../../../src/engine/plan/plan.ts";
import type { Budget } from "../../../src/engine/plan/resources.ts";
import { type Need, type Performed, type Slot, schedule, type Work } from "../../../src/engine/survey/scheduler.ts";
import type { Task } from "../../../src/engine/survey/task.ts";

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
        perform: async (name, _, { parallel }) => {
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

describe("the budget", () => {
  const gpus = ["0", "1"];
  const budget = { cpu: 4, memory: 10, gpus };

  /** Plays tasks that end when told to; returns what has started so far. */
  function stage(tasks: readonly Task[], given: Budget = budget) {
    const started: { names: readonly string[]; gpus: readonly string[] }[] = [];
    const ends = new Map<string, (performed: Performed) => void>();
    const slots = new Set<Slot>();
    const over = schedule(
      { tasks, jobs: given.cpu, budget: given, keepGoing: true, signal: new AbortController().signal },
      {
        examine: () => "execution",
        perform(name, _, slot) {
          if (!slots.has(slot)) started.push({ names: slot.names, gpus: slot.grant.gpus });
          slots.add(slot);
          return new Promise((fulfil) => ends.set(name, fulfil));
        },
        skipped: () => undefined,
      },
    );
    const end = async (name: string, how: Performed = "done"): Promise<void> => {
      ends.get(name)!(how);
      await new Promise(setImmediate);
    };
    return { started, end, over, names: () => started.map(({ names }) => names.join("+")) };
  }

  const wanting = (name: string, seconds: number, demand: Resources, more: Partial<Task> = {}): Task => ({
    ...task(name, [], seconds),
    demand,
    ...more,
  });

  it("keeps room for the first in the order: later ones may not take what it lacks", async () => {
    const tasks = [wanting("one", 9, { cpu: 3 }), wanting("wide", 8, { cpu: 4 }), wanting("small", 7, { cpu: 1 })];
    const { names, end, over } = stage(tasks);
    expect(names()).toEqual(["one"]);
    await end("one");
    expect(names()).toEqual(["one", "wide"]);
    await end("wide");
    await end("small");
    await over;
  });

  it("lets others pass that take nothing it lacks", async () => {
    const tasks = [
      wanting("holder", 9, { mutex: ["port"] }),
      wanting("waiter", 8, { mutex: ["port"] }),
      wanting("memory", 7, { memory: 8 }),
      wanting("more", 6, { memory: 8 }),
      wanting("plain", 5, {}),
    ];
    const { names, end, over } = stage(tasks);
    expect(names()).toEqual(["holder", "memory", "plain"]);
    await end("holder");
    expect(names().at(-1)).toBe("waiter");
    await end("memory");
    expect(names().at(-1)).toBe("more");
    for (const name of ["waiter", "more", "plain"]) await end(name);
    await over;
  });

  it("gives whole devices to one, and parts where they leave the least", async () => {
    const tasks = [
      wanting("a", 9, { cpu: 0.5, gpu: { amount: 0.6 } }),
      wanting("b", 8, { cpu: 0.5, gpu: { amount: 0.3 } }),
      wanting("c", 7, { cpu: 0.5, gpu: { amount: 1 } }),
      wanting("d", 6, { cpu: 0.5, gpu: { amount: 0.1, of: ["1"] } }),
    ];
    const { started, end, over } = stage(tasks);
    expect(started.map(({ gpus: own }) => own)).toEqual([["0"], ["0"], ["1"]]);
    await end("c");
    expect(started.at(-1)!.gpus).toEqual(["1"]);
    for (const name of ["a", "b", "d"]) await end(name);
    await over;
  });

  it("shares tasks of one kind out among the processes that have room, so many in one at most", async () => {
    const kind = (max: number) => ({ together: { key: "s", max } });
    const seven = (max: number): Task[] =>
      Array.from({ length: 7 }, (_, i) => wanting(`t${i}`, 9 - i, { cpu: 2 }, kind(max)));
    expect(stage(seven(64)).names()).toEqual(["t0+t2+t4+t6", "t1+t3+t5"]);
    expect(stage(seven(64), { ...budget, cpu: 2 }).names()).toEqual(["t0+t1+t2+t3+t4+t5+t6"]);
    expect(stage(seven(2)).names()).toEqual(["t0+t4", "t1+t5"]);
    expect(stage([...seven(64), task("other", [], 20)]).names()).toEqual(["other", "t0+t1+t2+t3+t4+t5+t6"]);
  });

  it("fills one process after the other where that is asked for, however many have room", () => {
    const kind = { together: { key: "s", max: 3, fills: true } };
    const seven = Array.from({ length: 7 }, (_, i) => wanting(`t${i}`, 9 - i, {}, kind));
    // Dealt out evenly to as few as hold them all.
    expect(stage(seven, { ...budget, cpu: 1000 }).names()).toEqual(["t0+t3+t6", "t1+t4", "t2+t5"]);
  });

  it("takes each task's end as it comes, and frees the process's room with the last", async () => {
    const together = { key: "s", max: 9 };
    const tasks = [
      wanting("a", 9, {}, { together }),
      wanting("b", 9, {}, { together }),
      { ...task("after", ["a"]), demand: { cpu: 0.5 } },
    ];
    const { names, end, over } = stage(tasks, { ...budget, cpu: 1 });
    expect(names()).toEqual(["a+b"]);
    await end("a");
    expect(names()).toEqual(["a+b"]);
    await end("b", { again: undefined, alone: true });
    expect(names()).toEqual(["a+b", "b"]);
    await end("b");
    expect(names()).toEqual(["a+b", "b", "after"]);
    await end("after");
    await over;
  });

  it("is never exceeded, and everything runs once, whatever is asked for", async () => {
    const demand = fc.record({
      cpu: fc.constantFrom(0.25, 0.5, 1, 2, 4),
      memory: fc.integer({ min: 0, max: 10 }),
      gpu: fc.option(fc.record({ amount: fc.constantFrom(0.25, 0.5, 1, 2) }), { nil: undefined }),
      mutex: fc.subarray(["m", "n"]),
      together: fc.option(fc.record({ key: fc.constantFrom("s", "t"), max: fc.integer({ min: 1, max: 4 }) }), {
        nil: undefined,
      }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(demand, { maxLength: 15 }), fc.infiniteStream(fc.nat()), async (demands, choices) => {
        const first = new Map<string, (typeof demands)[number]>();
        const tasks = demands.map(({ together, gpu, ...rest }, index): Task => {
          // Tasks of one kind have one demand.
          const same = together && first.get(together.key);
          if (together && !same) first.set(together.key, { together, gpu, ...rest });
          const { together: kind, gpu: device, ...own } = same ?? { together, gpu, ...rest };
          return {
            ...task(`t${index}`, index % 3 === 2 ? [`t${index - 1}`] : [], index % 4),
            demand: { ...own, ...(device === undefined ? {} : { gpu: device }) },
            together: kind,
          };
        });
        const byName = new Map<string, Task>(tasks.map((each) => [each.name, each]));
        const running = new Map<Slot, { left: number; fulfil: ((performed: Performed) => void)[] }>();
        const done: string[] = [];
        const over = schedule(
          { tasks, jobs: 4, budget, keepGoing: false, signal: new AbortController().signal },
          {
            examine: () => "execution",
            perform(name, _, slot) {
              done.push(name);
              const entry = running.get(slot) ?? { left: 0, fulfil: [] };
              running.set(slot, entry);
              const of = (slot: Slot): Resources => byName.get(slot.names[0]!)!.demand!;
              const slots = [...running.keys()];
              const sum = (value: (slot: Slot) => number) => slots.reduce((total, each) => total + value(each), 0);
              expect(sum(({ grant }) => grant.cpu)).toBeLessThanOrEqual(4 + 1e-9);
              expect(sum((each) => of(each).memory ?? 0)).toBeLessThanOrEqual(10);
              for (const id of gpus) {
                const share = (each: Slot) => (each.grant.gpus.includes(id) ? Math.min(1, of(each).gpu!.amount) : 0);
                expect(sum(share)).toBeLessThanOrEqual(1 + 1e-9);
              }
              for (const mutex of ["m", "n"])
                expect(slots.filter((each) => of(each).mutex!.includes(mutex)).length).toBeLessThanOrEqual(1);
              expect(slot.names.length).toBeLessThanOrEqual(byName.get(name)!.together?.max ?? 1);
              return new Promise((fulfil) => entry.fulfil.push(fulfil));
            },
            skipped: () => expect.unreachable(),
          },
        );
        while (running.size > 0) {
          const slots = [...running.keys()];
          const slot = slots[choices.next().value % slots.length]!;
          for (const fulfil of running.get(slot)!.fulfil) fulfil("done");
          running.delete(slot);
          await new Promise(setImmediate);
        }
        await over;
        expect(done.sort()).toEqual(tasks.map(({ name }) => name).sort());
      }),
      { numRuns: 60 },
    );
  });
});
