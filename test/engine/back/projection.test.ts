import { describe, expect, it } from "vitest";
import type { Instance, InstanceName, PlannedDep } from "../../../src/engine/plan/plan.ts";
import { projectionOf } from "../../../src/engine/survey/projection.ts";

function instance(stage: string, i: number, needs: readonly Instance[] = [], more: Partial<Instance> = {}): Instance {
  const from = needs.map(({ name }) => ({ instance: name, out: "x" }));
  const deps: PlannedDep[] = from.length === 0 ? [] : [{ type: "out", name: "x", each: true, from }];
  return {
    name: `${stage}@i=${i}` as InstanceName,
    stage,
    matrix: { i },
    action: { type: "cmd", command: "true" },
    deps,
    outs: [],
    params: {},
    env: [],
    platform: undefined,
    reads: [],
    position: { file: "pipeline.yaml", line: 1, column: 1 },
    ...more,
  };
}

const data = instance("data", 0);
const train = Array.from({ length: 16 }, (_, i) => instance("train", i, [data]));
const table = instance("table", 0, train);
const all = [data, ...train, table];
// The data take 10 s, each training 100 s, the table 2 s.
const seconds = new Map(all.map(({ name, stage }) => [name, { data: 10, train: 100, table: 2 }[stage]!]));
const bytes = new Map(all.map(({ name }) => [name, 1000]));

describe("projectionOf", () => {
  it("plays the schedule: the parallel part by the number of devices, the chain by none", () => {
    const { runs, ...projection } = projectionOf("p", all, { seconds, bytes }, [1, 8, 64]);
    expect(projection).toMatchObject({ instances: 18, seconds: 1612, deviceSeconds: 1612, bytes: 18_000, untimed: 0 });
    expect(runs.map((run) => run.seconds)).toEqual([1612, 212, 112]);
    // 1612 device seconds of 8 · 212 and of 64 · 112.
    expect(runs.map(({ busy }) => busy)).toEqual([1, 1612 / (8 * 212), 1612 / (64 * 112)]);
    expect(projection.criticalSeconds).toBe(112);
    expect(projection.critical.map(({ instance }) => instance)).toEqual(["data@i=0", "train@i=0", "table@i=0"]);
    expect(projection.stages[1]).toMatchObject({ stage: "train", instances: 16, seconds: 1600, bytes: 16_000 });
  });

  it("is never faster than the longest chain or than all the work dealt evenly, nor slower than both together", () => {
    for (const devices of [1, 2, 3, 5, 7, 13, 100]) {
      const { runs, deviceSeconds, criticalSeconds } = projectionOf("p", all, { seconds, bytes }, [devices]);
      expect(runs[0]!.seconds).toBeGreaterThanOrEqual(Math.max(criticalSeconds, deviceSeconds / devices));
      // Graham's bound for any schedule that leaves no device idle while something is ready.
      expect(runs[0]!.seconds).toBeLessThanOrEqual(criticalSeconds + deviceSeconds / devices);
    }
  });

  it("counts parts of devices, and several", () => {
    const quarter = train.map((each) => ({ ...each, resources: { gpu: { amount: 0.25 } } }));
    const projection = projectionOf("p", [data, ...quarter], { seconds, bytes }, [1, 4]);
    expect(projection.deviceSeconds).toBe(10 + 16 * 25);
    expect(projection.runs.map((run) => run.seconds)).toEqual([10 + 4 * 100, 110]);
    const four = train.map((each) => ({ ...each, resources: { gpu: { amount: 4 } } }));
    expect(projectionOf("p", four, { seconds, bytes }, [8]).runs[0]!.seconds).toBe(800);
  });

  it("leaves out of sums what was never timed, and counts it", () => {
    const known = new Map([...seconds].filter(([name]) => !name.startsWith("train")));
    const projection = projectionOf("p", all, { seconds: known, bytes: new Map() }, [1]);
    expect(projection).toMatchObject({ untimed: 16, unsized: 18, seconds: 12 });
    expect(projection.critical.map(({ instance }) => instance)).toEqual(["data@i=0", "table@i=0"]);
  });
});
