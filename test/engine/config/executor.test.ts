import { describe, expect, it } from "vitest";
import { flagsOf } from "../../../src/engine/slurm/sbatch.ts";
import { expectMistakes, planOf } from "./marked.ts";

const STAGES = `stages: { a: { run: stages/a.ts, params: { n: "\${params.n}" }, outs: { x: x } } }\n`;

describe("executor:", () => {
  const text = `version: 1
params: { n: 1 }
slurm: { partition: gpu, time: 2h, poll: 500ms, flags: ["--exclude=n7"], onInterrupt: leave }
profiles:
  quick: { n: 2 }
  paper: { executor: slurm, n: 3 }
  large: { executor: { slurm: { partition: big, array: 7 } } }
  here: { executor: local }
${STAGES}`;

  it("is the profile's, with the options under slurm: and its own over them, and no param", async () => {
    const common = { gres: "gpu", jobs: 1000, poll: 0.5, time: 7200, flags: ["--exclude=n7"], onInterrupt: "leave" };
    const quick = await planOf(text);
    expect(quick.executor).toBeUndefined();
    // --executor slurm may ask for it.
    expect(quick.slurm).toEqual({ ...common, array: 500, partition: "gpu" });
    const paper = await planOf(text, { profile: "paper" });
    expect(paper.executor).toBe("slurm");
    expect(paper.slurm).toEqual(quick.slurm);
    expect(paper.instances[0]!.params).toEqual({ n: 3 });
    const large = await planOf(text, { profile: "large" });
    expect(large).toMatchObject({ executor: "slurm", slurm: { ...common, partition: "big", array: 7 } });
    expect((await planOf(text, { profile: "here" })).executor).toBeUndefined();
  });

  it("is that of the profile it extends, unless it has its own: mappings merge, a name replaces", async () => {
    const extended = `version: 1
params: { n: 1 }
profiles:
  paper: { executor: { slurm: { partition: gpu, time: 2h } } }
  longer: { extends: paper, executor: { slurm: { time: 4h } } }
  same: { extends: longer, n: 2 }
  plain: { extends: longer, executor: slurm }
  here: { extends: longer, executor: local }
${STAGES}`;
    const slurmOf = async (profile: string) => (await planOf(extended, { profile })).slurm;
    expect(await slurmOf("longer")).toMatchObject({ partition: "gpu", time: 14400 });
    expect(await slurmOf("same")).toEqual(await slurmOf("longer"));
    expect(Object.keys((await slurmOf("plain"))!)).not.toContain("partition");
    const here = await planOf(extended, { profile: "here" });
    expect([here.executor, here.slurm]).toEqual([undefined, undefined]);
  });

  it("has options of jobs without a device, and of single stages", async () => {
    const plan = await planOf(
      `version: 1
params: { n: 1 }
slurm: { partition: gpu, time: 2h, cpu: { partition: cpu }, stages: { a: { time: 1d } } }
profiles: { paper: { executor: { slurm: { stages: { a: { qos: long } } } } } }
${STAGES}`,
      { profile: "paper" },
    );
    expect(plan.slurm).toMatchObject({ cpu: { partition: "cpu" }, stages: { a: { time: 86_400, qos: "long" } } });
    expect(flagsOf({ stage: "a" }, 1, 1, plan.slurm!)).toEqual([
      "--partition=gpu",
      "--qos=long",
      "--gres=gpu:1",
      "--time=1440",
    ]);
    expect(flagsOf({ stage: "b" }, 1, 0, plan.slurm!)).toEqual(["--partition=cpu", "--time=120"]);
  });

  it("leaves a plan without either as it was", async () => {
    const plan = await planOf(`version: 1\nparams: { n: 1 }\n${STAGES}`);
    expect(Object.keys(plan)).not.toContain("slurm");
    expect(Object.keys(plan)).not.toContain("executor");
  });

  it("tells mistakes where they are, in every profile", async () => {
    const told = await expectMistakes(`version: 1
params: { n: 1, ⟦reserved-param:executor⟧: local }
slurm: { ⟦unknown-key:partitoin⟧: gpu, stages: { ⟦unknown-stage:b⟧: {}, a: { time: ⟦wrong-value:never⟧ } }, time: ⟦wrong-value:soon⟧, jobs: ⟦invalid:0⟧, onInterrupt: ⟦wrong-value:leav⟧ }
profiles:
  a: { executor: ⟦wrong-value:slrum⟧ }
  b: { executor: { ⟦unknown-key:kubernetes⟧: {} } }
  c: { executor: { slurm: { poll: ⟦wrong-value:often⟧ } } }
  d: { executor: ⟦wrong-type:3⟧ }
stages: { a: { run: stages/a.ts, params: { n: "\${params.n}", e: "\${params.executor}" }, outs: { x: x } } }
`);
    const remedies = told.map(({ remedy }) => remedy);
    expect(remedies).toContain("did you mean `partition`?");
    expect(remedies).toContain("did you mean `leave`?");
    expect(remedies).toContain("did you mean `slurm`?");
  });
});
