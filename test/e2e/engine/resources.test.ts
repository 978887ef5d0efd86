import { availableParallelism } from "node:os";
import { describe, expect, it } from "vitest";
import { makeWorkspace, stageModule, type Workspace } from "../../rig/workspace.ts";
import { named } from "./study.ts";

/**
 * Instances that see how many of them run at once: each makes a file, counts the files until `wanted` have been there at
 * a time or it has looked `looks` times, and removes its own. `count` in each of the `stages`.
 */
function crowd(resources: string, wanted: number, { count = 6, looks = 500, stages = ["s"] } = {}): Workspace {
  const workspace = makeWorkspace();
  const [room, enough] = [workspace.path("room"), workspace.path("enough")];
  workspace.write("room/.keep", "");
  const commandOf = (own: string): string =>
    [
      `touch ${own}`,
      `for look in $(seq ${looks}); do n=$(ls '${room}' | wc -l); echo $n >> \${outs.x}; [ $n -lt ${wanted} ] || touch '${enough}'; [ ! -e '${enough}' ] || break; sleep 0.02; done`,
      // Those that should not be there would come now.
      `sleep 0.05; ls '${room}' | wc -l >> \${outs.x}`,
      'set +u; echo "$PIPELINE_GPUS|$CUDA_VISIBLE_DEVICES" > ${outs.gpu}',
      `rm ${own}`,
    ].join("; ");
  const declarations = stages.map(
    (stage) => `  ${stage}:
    matrix: { i: "\${params.n}" }
    resources: ${resources}
    cmd: ${JSON.stringify(commandOf(`'${room}'/${stage}\${i}`))}
    outs: { x: "x/${stage}\${i}", gpu: "gpu/${stage}\${i}" }
`,
  );
  workspace.write(
    "pipeline.yaml",
    `version: 1
params: { n: { range: { from: 1, to: ${count}, step: 1 } } }
stages:
${declarations.join("")}`,
  );
  return workspace;
}

/** The most that were ever seen at once. */
function most(workspace: Workspace): number {
  return Math.max(
    ...workspace.list("artifacts/x").flatMap((file) => workspace.read(file).trim().split("\n").map(Number)),
  );
}

describe("resources", () => {
  it("of cpu: as many at a time as --jobs has cores for", async () => {
    const whole = crowd("{ cpu: 2 }", 2);
    expect((await whole.run("run", "--jobs", "4")).code).toBe(0);
    expect(most(whole)).toBe(2);
    const half = crowd("{ cpu: 0.5 }", 4);
    expect((await half.run("run", "--jobs", "2")).code).toBe(0);
    expect(most(half)).toBe(4);
  });

  it("of memory: as many as fit into what the run may use", async () => {
    const workspace = crowd("{ memory: 2GB, cpu: 0.1 }", 3);
    expect((await workspace.run("run", "--jobs", "2", "--resource", "memory=7GB")).code).toBe(0);
    expect(most(workspace)).toBe(3);
  });

  it("with a mutex: one at a time, of all stages that name it", async () => {
    const workspace = crowd("{ mutex: [port] }", 2, { looks: 3, stages: ["s", "t"] });
    expect((await workspace.run("run", "--jobs", "4")).code).toBe(0);
    expect(workspace.list("artifacts/x")).toHaveLength(12);
    expect(most(workspace)).toBe(1);
  });

  it("of gpu: each gets devices of its own, by name; parts share one", async () => {
    const whole = crowd("{ gpu: 1, cpu: 0.1 }", 2);
    expect((await whole.run("run", "--jobs", "2", "--resource", "gpu=3,5")).code).toBe(0);
    expect(most(whole)).toBe(2);
    const given = new Set(whole.list("artifacts/gpu").map((file) => whole.read(file).trim()));
    expect([...given].sort()).toEqual(["3|3", "5|5"]);

    const parts = crowd("{ gpu: 0.5, cpu: 0.1 }", 4);
    expect((await parts.runWith({ env: { PIPELINE_GPUS: "a,b" } }, "run", "--jobs", "2")).code).toBe(0);
    expect(most(parts)).toBe(4);
    // Devices that are not CUDA's are told in PIPELINE_GPUS alone.
    expect(new Set(parts.list("artifacts/gpu").map((file) => parts.read(file).trim()))).toEqual(new Set(["a|", "b|"]));

    const chosen = crowd("{ gpu: { amount: 1, of: [1] }, cpu: 0.1 }", 2, { count: 3, looks: 3 });
    expect((await chosen.runWith({ env: { CUDA_VISIBLE_DEVICES: "0,1" } }, "run")).code).toBe(0);
    expect(most(chosen)).toBe(1);
    expect(new Set(chosen.list("artifacts/gpu").map((file) => chosen.read(file).trim()))).toEqual(new Set(["1|1"]));
  });

  it("reach a run: stage as context.resources and PIPELINE_THREADS; optional devices may be missing", async () => {
    const workspace = makeWorkspace({
      "pipeline.yaml": `version: 1
params: { cores: 1 }
stages:
  s:
    run: s.ts
    resources: { cpu: "\${params.cores}", memory: 512MiB, gpu: { amount: 2, optional: true } }
    outs: { x: x.json }
`,
      "s.ts": stageModule(
        'writeFileSync(context.out("x"), JSON.stringify([context.resources, process.env.PIPELINE_THREADS]));',
      ),
    });
    await workspace.run("run", "--resource", "gpu=0,1,2");
    const memory = 512 * 2 ** 20;
    expect(JSON.parse(workspace.read("artifacts/x.json"))).toEqual([{ threads: 1, gpus: ["0", "1"], memory }, "1"]);
    // What it got is no ingredient of the key.
    expect((await workspace.run("run", "--json", "--resource", "gpu=")).summary).toMatchObject({ fresh: 1 });
    await workspace.run("run", "--force", "--resource", "gpu=");
    expect(JSON.parse(workspace.read("artifacts/x.json"))).toEqual([{ threads: 1, gpus: [], memory }, "1"]);
  });

  it("that the machine does not have stop the run before anything starts, unless the result is cached", async () => {
    const cores = availableParallelism();
    const workspace = makeWorkspace();
    const declare = (resources: string): void =>
      workspace.write(
        "pipeline.yaml",
        `version: 1
stages:
  first: { cmd: ${JSON.stringify(`${workspace.counting("first")}; echo 1 > \${outs.x}`)}, outs: { x: first.txt } }
  large:
    cmd: ${JSON.stringify(`${workspace.counting("large")}; cat \${deps.x} > \${outs.x}`)}
    resources: ${resources}
    deps: { x: first.x }
    outs: { x: large.txt }
`,
      );
    for (const [resources, told] of [
      ["{ cpu: 5000 }", `large needs 5000 cpus, and the machine has ${cores}`],
      ["{ memory: 4GB }", "large needs 4 GB of memory, and there are 3 GB"],
      ["{ gpu: 3 }", "large needs 3 gpu, and the run has 0, 1"],
      ["{ gpu: { amount: 1, of: [7] } }", "large needs 1 gpu of 7, and the run has 0, 1"],
    ] as const) {
      declare(resources);
      const { code, stderr } = await workspace.run("run", "--resource", "memory=3GB", "--resource=gpu=0,1");
      expect(code).toBe(2);
      expect(stderr).toContain(`pipeline.yaml:4:3  ${told}`);
    }
    expect(workspace.count()).toBe(0);
    declare("{ gpu: 1 }");
    expect((await workspace.run("run", "--resource", "gpu=0")).code).toBe(0);
    const { code, summary } = await workspace.run("run", "--json", "--resource", "gpu=");
    expect([code, summary]).toMatchObject([0, { fresh: 2 }]);
  });

  it("of fewer jobs than a stage wants cores: it gets all of them, alone", async () => {
    const workspace = crowd(`{ cpu: ${availableParallelism()} }`, 2, { count: 3, looks: 3 });
    expect((await workspace.run("run", "--jobs", "1")).code).toBe(0);
    expect(most(workspace)).toBe(1);
  });

  it("are checked where they are declared, and on the command line", async () => {
    const workspace = makeWorkspace({
      "pipeline.yaml": `version: 1
params: { gpus: 1.5 }
stages:
  s:
    cmd: "touch \${outs.x}"
    resources: { cpu: 0, memory: 2 apples, gpu: "\${params.gpus}", disk: 1 }
    outs: { x: x }
`,
    });
    const { code, stderr } = await workspace.run("run");
    expect(code).toBe(2);
    expect(stderr).toContain("`stages.s.resources` has no key `disk`");
    expect(stderr).toContain("`stages.s.resources.cpu` cannot be `0`");
    expect(stderr).toContain("`stages.s.resources.memory` cannot be the text `2 apples`");
    expect(stderr).toContain("`stages.s.resources.gpu` cannot be `1.5`");
    workspace.write("pipeline.yaml", 'version: 1\nstages: { s: { cmd: "touch ${outs.x}", outs: { x: x } } }\n');
    for (const resource of ["cpu=2", "disk=1", "memory=much"]) {
      const told = await workspace.run("run", "--resource", resource);
      expect([told.code, told.stderr]).toEqual([2, expect.stringContaining(`--resource cannot be \`${resource}\``)]);
    }
    expect(named((await workspace.run("run", "--json")).events, "ran")).toEqual(["s"]);
  });
});
