import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Event } from "../../../src/engine/plan/event.ts";
import type { InstanceName } from "../../../src/engine/plan/plan.ts";
import { forecastSeconds } from "../../../src/engine/survey/forecast.ts";
import { openOutlook } from "../../../src/engine/survey/outlook.ts";
import { type Sample, secondsOf } from "../../../src/engine/survey/pace.ts";
import type { State } from "../../../src/engine/survey/scheduler.ts";
import type { Task } from "../../../src/engine/survey/task.ts";
import { makeWorkspace, type Workspace } from "../../rig/workspace.ts";
import { assessIn, planOf, runIn } from "./rig.ts";

describe("seconds of work", () => {
  const none = (): readonly Sample[] => [];

  it("are in proportion to the median of the five nearest, by ratio", () => {
    const ten = (...samples: Sample[]): number | undefined => secondsOf({ amount: 10 }, samples, none);
    expect(ten()).toBeUndefined();
    expect(ten([2, 1])).toBe(5);
    expect(ten([1, 1], [1, 2], [1, 30])).toBe(20);
    expect(ten([1, 1], [1, 3])).toBe(20);
    // Small pieces of work, which are mostly a process's start, do not count where there are large ones.
    const small = Array.from({ length: 20 }, (): Sample => [1, 5]);
    const large = [1000, 2000, 3000, 4000, 5000].map((amount): Sample => [amount, 5 + amount / 100]);
    expect(secondsOf({ amount: 10_000 }, [...small, ...large], none)).toBeCloseTo(10_000 * (35 / 3000), 10);
    // Those of other stages only where there are none of its own.
    expect(secondsOf({ amount: 10 }, [[2, 1]], () => [[2, 4]])).toBe(5);
    expect(secondsOf({ amount: 10 }, [], () => [[2, 4]])).toBe(20);
  });

  /** A step takes 2 ms, a unit 50 ms. */
  const measured = (amount: number, steps: number): Sample => [amount, 0.002 * steps + 0.05 * amount, steps];

  it("have a part for each step, found from steps of two sizes", () => {
    const own = [measured(3, 300), measured(10, 1000), measured(20, 2000)];
    const other = [measured(60, 600), measured(600, 6000)];
    const all = () => [...own, ...other];
    // Large steps, as none has been measured: 10 times too long by the small ones alone.
    expect(secondsOf({ amount: 1e5, steps: 1000 }, own, all)).toBeCloseTo(2 + 5000, 6);
    expect(secondsOf({ amount: 1e5, steps: 1000 }, own, () => own)).toBeCloseTo(1e5 * 0.25, 6);
    expect(secondsOf({ amount: 1e5, steps: 1000 }, [], all)).toBeCloseTo(2 + 5000, 6);
    // One of a kind that was measured goes at that kind's pace, its own stage's first.
    expect(secondsOf({ amount: 100, steps: 10_000 }, own, all)).toBeCloseTo(100 * 0.25, 10);
    expect(secondsOf({ amount: 100, steps: 1000 }, own, all)).toBeCloseTo(100 * 0.07, 10);
  });

  it("stay sensible where measurements contradict the two parts, or steps were not counted then", () => {
    // Large steps that took no longer than small ones tell nothing of larger ones: in proportion to the nearest.
    const flat: Sample[] = [
      [1, 1, 100],
      [100, 1, 100],
    ];
    expect(secondsOf({ amount: 1e4, steps: 100 }, flat, () => flat)).toBeGreaterThan(0);
    // The larger the slower: no step has a time below 0.
    const steep: Sample[] = [
      [1, 1, 100],
      [100, 1000, 100],
    ];
    expect(secondsOf({ amount: 1e4, steps: 1e4 }, steep, () => steep)).toBe(1e5);
    expect(secondsOf({ amount: 1e6, steps: 100 }, steep, () => steep)).toBeGreaterThan(1e6);
    expect(secondsOf({ amount: 10, steps: 5 }, [[2, 1]], () => [[2, 1]])).toBe(5);
    expect(secondsOf({ amount: 10, steps: 5 }, [], none)).toBeUndefined();
  });
});

/** Stages with work whose executions are recorded as taking what a test says: the costs are rewritten. */
async function measured(): Promise<Workspace> {
  const workspace = makeWorkspace({
    "pipeline.yaml": `version: 1
params: { steps: 10, ns: [1, 2] }
profiles: { large: { steps: 1000 } }
stages:
  a: { cmd: "echo \${params.steps} \${n} > \${outs.o}", matrix: { n: "\${params.ns}" }, work: { amount: "\${params.steps} * \${n}", unit: step }, outs: { o: "a\${n}" } }
  b: { cmd: "echo \${params.steps} > \${outs.o}", work: { amount: "3 * \${params.steps}", unit: step }, outs: { o: b } }
  c: { cmd: "echo \${params.steps} > \${outs.o}", work: 5, outs: { o: c } }
`,
  });
  await runIn(workspace, { targets: ["a@n=1", "a@n=2"] });
  const table = JSON.parse(workspace.read(".pipeline/index/costs.json")) as {
    entries: [string, { samples: number[][] }][];
  };
  expect(table.entries.map(([, { samples }]) => samples.map(([amount]) => amount!).sort((a, b) => a - b))).toEqual([
    [10, 20],
  ]);
  // Half a second a step.
  for (const [, entry] of table.entries) entry.samples = entry.samples.map(([amount]) => [amount!, amount! / 2]);
  workspace.write(".pipeline/index/costs.json", JSON.stringify(table));
  return workspace;
}

describe("the cost model", () => {
  it("tells what never ran at this size, and what other stages with the same unit take; nothing of another unit", async () => {
    const workspace = await measured();
    const expected = async (): Promise<Record<string, number | undefined>> =>
      Object.fromEntries(
        (await assessIn(workspace)).map(({ instance, expectedSeconds }) => [instance, expectedSeconds]),
      );
    const first = await expected();
    expect(first).toMatchObject({ b: 15, c: undefined });
    // What ran with this very work takes what it took.
    const took = Object.fromEntries(
      (await assessIn(workspace)).map(({ instance, lastSeconds }) => [instance, lastSeconds]),
    );
    expect([first["a@n=1"], first["a@n=2"]]).toEqual([took["a@n=1"], took["a@n=2"]]);
    expect(took["a@n=1"]).toBeGreaterThan(0);
    workspace.write("pipeline.yaml", workspace.read("pipeline.yaml").replace("steps: 10,", "steps: 100,"));
    expect(await expected()).toEqual({ "a@n=1": 50, "a@n=2": 100, b: 150, c: undefined });
  });

  it("is kept with each action, and is no part of its key", async () => {
    const workspace = await measured();
    const [record] = workspace.list(".pipeline/actions").map((file) => JSON.parse(workspace.read(file)));
    expect(record.work).toEqual({ amount: expect.any(Number), unit: "step" });
    workspace.write("pipeline.yaml", workspace.read("pipeline.yaml").replaceAll("unit: step", "unit: steps"));
    expect((await runIn(workspace, { targets: ["a@n=1", "a@n=2"] })).words).toEqual(["fresh a@n=1", "fresh a@n=2"]);
  });

  it("counts as work what progress tells was done, also of members of a batch and from where a killed one went on", async () => {
    const workspace = makeWorkspace({
      "pipeline.yaml": `version: 1
stages:
  a: { run: stages/a.ts, batch: true, matrix: { n: [4, 16] }, params: { n: "\${n}" }, work: { amount: 10, steps: 2, times: 8 }, outs: { o: "a\${n}" } }
  b: { run: stages/b.ts, work: { amount: 10, unit: other, times: 8 }, outs: { o: b } }
`,
      // As fast as that, most of it is not worth a message.
      "stages/a.ts": `import { writeFileSync } from "node:fs";
export default { async run(context) {
  for (let done = 1; done <= context.params.n; done++) context.progress({ done, total: 100, unit: "epochs" });
  writeFileSync(context.out("o"), "");
} };`,
      "stages/b.ts": `import { writeFileSync } from "node:fs";
export default { async run(context) {
  for (let done = 50; done <= 54; done++) context.progress({ done, total: 100, unit: "epochs" });
  writeFileSync(context.out("o"), "");
} };`,
    });
    await runIn(workspace);
    const { entries } = JSON.parse(workspace.read(".pipeline/index/costs.json")) as {
      entries: [string, { samples: (number | null)[][] }][];
    };
    const samples = Object.fromEntries(entries.map(([key, entry]) => [JSON.parse(key)[0], entry.samples]));
    const seconds = expect.any(Number);
    expect(samples.a).toHaveLength(2);
    expect(samples.a).toEqual(
      expect.arrayContaining([
        [40, seconds, 8],
        [160, seconds, 32],
      ]),
    );
    expect(samples.b).toEqual([[40, seconds]]);
  });

  it("is in the words of the command line, before and while it runs", async () => {
    const workspace = await measured();
    const { stdout } = await workspace.run("run", "--dry-run", "--profile", "large", "--jobs", "1");
    expect(stdout).toMatch(/^a@n=1 {2}will run {2}about 8 min 20 s$/m);
    // 500 + 1000 + 1500 seconds; c is unknown.
    expect(stdout).toMatch(/^4 will run · at most about 50 min 00 s with 1 job and 1 never timed$/m);
    expect((await workspace.run("status", "--profile", "large", "a")).stdout).toMatch(
      /2 will run {2}about 25 min 00 s$/m,
    );
    const run = await workspace.run("run", "--profile", "large", "--jobs", "1");
    expect(run.stdout).toMatch(/^large · 4 instances · about 50 min 00 s by recorded times, without 1 never timed$/m);
  });
});

describe("the forecast of a run", () => {
  const task = (name: string, producers: readonly string[] = [], more: Partial<Task> = {}): Task => ({
    name: name as InstanceName,
    producers: producers as InstanceName[],
    seconds: 1,
    ...more,
  });

  it("counts what runs already by what is left of it", () => {
    const tasks = [task("a"), task("b"), task("c", ["a"]), task("d", ["gone"])];
    const budget = { cpu: 2, memory: 1, gpus: [] };
    expect(forecastSeconds(tasks, budget)).toBe(2);
    expect(forecastSeconds(tasks, budget, [{ names: ["a" as InstanceName], seconds: 10 }])).toBe(11);
    expect(forecastSeconds([], budget)).toBe(0);
  });

  it("lies between the longest chain, the work shared out, and all of it one after the other, on any graph", () => {
    const graphs = fc.array(fc.record({ producers: fc.array(fc.nat(), { maxLength: 3 }), seconds: fc.nat(9) }), {
      minLength: 1,
      maxLength: 30,
    });
    fc.assert(
      fc.property(graphs, fc.integer({ min: 1, max: 4 }), fc.boolean(), (graph, cpu, batched) => {
        const tasks = graph.map(({ producers, seconds }, i) => {
          const names = i === 0 ? [] : [...new Set(producers.map((p) => `t${p % i}`))];
          const together = batched && i % 2 === 0 ? { together: { key: "t", max: 3 } } : {};
          return task(`t${i}`, names, { seconds, ...together });
        });
        const ends = new Map<string, number>();
        for (const { name, producers, seconds } of tasks)
          ends.set(name, seconds + Math.max(0, ...producers.map((producer) => ends.get(producer)!)));
        const all = tasks.reduce((sum, { seconds }) => sum + seconds, 0);
        const seconds = forecastSeconds(tasks, { cpu, memory: 1, gpus: [] });
        expect(seconds).toBeGreaterThanOrEqual(Math.max(...ends.values(), all / cpu) - 1e-9);
        expect(seconds).toBeLessThanOrEqual(all + 1e-9);
      }),
    );
  });

  it("is told before anything starts, follows progress, and leaves out what will not run", () => {
    const events: Event[] = [];
    const tasks = [task("a"), task("b", ["a"]), task("restored"), task("after", ["restored"])];
    const states = new Map<InstanceName, State>(tasks.map(({ name }) => [name, "waiting"]));
    const outlook = openOutlook({
      tasks,
      budget: { cpu: 2, memory: 1, gpus: [] },
      isStale: (name) => name === "a",
      expected: () => new Map([["a" as InstanceName, 60]]),
      emit: (event) => events.push(event),
    });
    const slot = { names: ["a" as InstanceName], grant: { cpu: 1, memory: undefined, gpus: [] }, parallel: 1 };
    outlook.stepped(states);
    expect(events).toEqual([]);
    states.set("a" as InstanceName, "performing");
    states.set("restored" as InstanceName, "performing");
    outlook.began(slot);
    outlook.stepped(states);
    // b may run and was never timed.
    expect(events).toEqual([{ type: "estimate", seconds: expect.closeTo(60, 0), unknown: 1 }]);
    // Asked again at once, it says nothing: nobody reads so fast.
    outlook.stepped(states);
    expect(events).toHaveLength(1);
  });

  it("says nothing where nothing is known, as in a first run", async () => {
    const workspace = makeWorkspace({
      "pipeline.yaml": 'version: 1\nstages: { a: { cmd: "touch ${outs.o}", outs: { o: o } } }\n',
    });
    const types = async (): Promise<string[]> =>
      (await runIn(workspace, { force: true })).events.map(({ type }) => type);
    expect(await types()).toEqual(["plan", "started", "ran", "summary"]);
    expect(await types()).toEqual(["plan", "estimate", "started", "ran", "summary"]);
    expect((await planOf(workspace)).instances[0]).not.toHaveProperty("work");
  });
});
