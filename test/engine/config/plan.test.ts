import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Instance, Plan, PlannedDep } from "../../../src/engine/plan/plan.ts";
import { planOf } from "./marked.ts";

const named = (plan: Plan, name: string): Instance => plan.instances.find((instance) => instance.name === name)!;
const sources = (instance: Instance, dep: string): string[] => {
  const found = instance.deps.find(({ name }) => name === dep) as Extract<PlannedDep, { type: "out" }>;
  return found.from.map(({ instance: from, out }) => `${from}.${out}`);
};

describe("a plan", () => {
  it("has one instance for each combination of the matrix, named by its values in order", async () => {
    const plan = await planOf(`version: 1
params: { etas: [0.02, 1.0e-7], seeds: 2 }
stages:
  train:
    run: ./stages//train.ts
    matrix: { eta: "\${params.etas}", seed: "\${range(params.seeds)}", fast: [true] }
    params: { eta: "\${eta}", seed: "\${seed}", label: "eta \${eta}, seed \${seed}", nested: [{ deep: "\${fast}" }], plain: "$\${eta}" }
    env: [HOME]
    reads: [/dev/null, "\${env.HOME}"]
    outs:
      run: { path: "runs/eta=\${eta}/seed=\${seed}.json", schema: table }
      log: "./logs//\${eta}-\${seed}/"
`);
    expect(plan.instances.map(({ name }) => name)).toEqual([
      "train@eta=0.02,seed=0,fast=true",
      "train@eta=0.02,seed=1,fast=true",
      "train@eta=1e-7,seed=0,fast=true",
      "train@eta=1e-7,seed=1,fast=true",
    ]);
    expect(plan.instances[2]).toEqual({
      name: "train@eta=1e-7,seed=0,fast=true",
      stage: "train",
      matrix: { eta: 1e-7, seed: 0, fast: true },
      action: { type: "run", module: "stages/train.ts" },
      deps: [],
      outs: [
        { name: "run", path: "artifacts/runs/eta=1e-7/seed=0.json", kind: "file", schema: "table" },
        { name: "log", path: "artifacts/logs/1e-7-0", kind: "directory", schema: undefined },
      ],
      params: { eta: 1e-7, seed: 0, label: "eta 1e-7, seed 0", nested: [{ deep: true }], plain: "${eta}" },
      env: ["HOME"],
      platform: undefined,
      reads: ["/dev/null", "${env.HOME}"],
      position: { file: "pipeline.yaml", line: 4, column: 3 },
    });
  });

  it("leaves deps and outs of commands to the engine, and evaluates the rest", async () => {
    const plan = await planOf(`version: 1
params: { n: 3 }
stages:
  a:
    cmd: "head -n \${params.n} \${ deps.data } > \${outs.o}; echo $\${HOME}"
    deps: { data: { files: [data/*.csv, "!data/two.csv"] } }
    outs: { o: o }
`);
    expect(plan.instances[0]!.action).toEqual({
      type: "cmd",
      command: "head -n 3 ${deps.data} > ${outs.o}; echo ${HOME}",
    });
    expect(plan.instances[0]!.deps).toEqual([
      { type: "files", name: "data", patterns: ["data/*.csv", "!data/two.csv"] },
    ]);
  });

  it("keeps places to read and write as they are written, variables and home folder included", async () => {
    const plan = await planOf(`version: 1
stages:
  a: { run: stages/a.ts, env: [CACHE], reads: [~/data, shared], writes: [~/.cache/a, "\${env.CACHE}/a"] }
`);
    expect(plan.instances[0]).toMatchObject({ reads: ["~/data", "shared"], writes: ["~/.cache/a", "${env.CACHE}/a"] });
  });

  it("puts producers before consumers, whatever the order of the file", async () => {
    const plan = await planOf(`version: 1
stages:
  c: { cmd: c, deps: { b: b.o, a: a.o } }
  b: { cmd: b, deps: { a: a.o }, outs: { o: b } }
  z: { cmd: z }
  a: { cmd: a, outs: { o: a } }
`);
    expect(plan.instances.map(({ name }) => name)).toEqual(["z", "a", "b", "c"]);
  });

  it("joins on shared keys, gathers the producer's others, and heeds filters", async () => {
    const plan = await planOf(`version: 1
params: { some: [1, 3], best: 2 }
stages:
  train: { run: stages/a.ts, matrix: { eta: [1, 2, 3], seed: [0, 1] }, outs: { run: "r/\${eta}/\${seed}" } }
  same: { run: stages/a.ts, matrix: { of: train, epoch: [5] }, deps: { r: train.run } }
  mean: { run: stages/a.ts, matrix: { eta: [1, 3] }, deps: { r: train.run } }
  best: { run: stages/a.ts, deps: { r: "train.run@eta=\${params.best},seed=1" } }
  some: { run: stages/a.ts, deps: { r: "train.run@seed=1,eta=\${params.some}" } }
  all: { run: stages/a.ts, matrix: { eta: [1] }, deps: { r: "train.run@eta=*", first: "train.run@eta=01.0,seed=0" } }
`);
    const each = (name: string): boolean => (named(plan, name).deps[0] as Extract<PlannedDep, { type: "out" }>).each;
    expect(sources(named(plan, "same@eta=2,seed=1,epoch=5"), "r")).toEqual(["train@eta=2,seed=1.run"]);
    expect(each("same@eta=2,seed=1,epoch=5")).toBe(false);
    expect(sources(named(plan, "mean@eta=3"), "r")).toEqual(["train@eta=3,seed=0.run", "train@eta=3,seed=1.run"]);
    expect(each("mean@eta=3")).toBe(true);
    expect(sources(named(plan, "best"), "r")).toEqual(["train@eta=2,seed=1.run"]);
    expect(each("best")).toBe(false);
    expect(sources(named(plan, "some"), "r")).toEqual(["train@eta=1,seed=1.run", "train@eta=3,seed=1.run"]);
    expect(each("some")).toBe(true);
    expect(sources(named(plan, "all@eta=1"), "r")).toHaveLength(6);
    expect(sources(named(plan, "all@eta=1"), "first")).toEqual(["train@eta=1,seed=0.run"]);
  });

  it("joins as a filter over all pairs of instances would", async () => {
    const keys = fc.subarray(["a", "b", "c"]);
    const sizes = fc.record({
      a: fc.integer({ min: 1, max: 3 }),
      b: fc.integer({ min: 1, max: 3 }),
      c: fc.integer({ min: 1, max: 2 }),
    });
    await fc.assert(
      fc.asyncProperty(keys, keys, sizes, async (produced, consumed, size) => {
        const matrix = (of: readonly string[]): string =>
          of.length === 0
            ? ""
            : `, matrix: { ${of.map((key) => `${key}: "\${range(${size[key as "a"]})}"`).join(", ")} }`;
        const path = ["p", ...produced.map((key) => `\${${key}}`)].join("-");
        const plan = await planOf(`version: 1
stages:
  p: { cmd: p${matrix(produced)}, outs: { o: "${path}" } }
  q: { cmd: q${matrix(consumed)}, deps: { d: p.o } }
`);
        const producers = plan.instances.filter(({ stage }) => stage === "p");
        const shared = produced.filter((key) => consumed.includes(key));
        for (const consumer of plan.instances.filter(({ stage }) => stage === "q")) {
          const matching = producers.filter(({ matrix: row }) =>
            shared.every((key) => row[key] === consumer.matrix[key]),
          );
          expect(sources(consumer, "d")).toEqual(matching.map(({ name }) => `${name}.o`));
        }
      }),
      { numRuns: 40, seed: 8 },
    );
  });

  it("keeps thousands of instances apart in little work", async () => {
    const plan = await planOf(`version: 1
stages:
  a: { cmd: a, matrix: { i: "\${range(100)}", j: "\${range(100)}" }, outs: { o: "a/\${i}/\${j}" } }
  b: { cmd: b, matrix: { of: a }, deps: { o: a.o }, outs: { o: "b/\${i}/\${j}" } }
`);
    expect(plan.instances).toHaveLength(20_000);
    expect(sources(named(plan, "b@i=99,j=42"), "o")).toEqual(["a@i=99,j=42.o"]);
  });
});
