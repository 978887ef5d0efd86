import { chmodSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { makeWorkspace, stageModule, type Workspace } from "../../rig/workspace.ts";

/** A number that drifts by the content of a file nobody declares, so that a second execution differs as told. */
function drifting(tolerance = ""): Workspace {
  const workspace = makeWorkspace({ drift: "0" });
  workspace.write(
    "pipeline.yaml",
    `version: 1
params: { start: 2 }
profiles: { other: { start: 3 } }
platforms: { machine: { run: machine.ts, env: [MACHINE] } }
stages:
  measure:
    cmd: |
      ${workspace.counting("measure")}
      node -p 'JSON.stringify({ rows: [{ x: 1, y: \${params.start} + Number(fs.readFileSync("drift", "utf8")) }] })' > \${outs.table}
    platform: machine
    outs: { table: table.json }
    ${tolerance}
  copy:
    cmd: "cp \${deps.table} \${outs.copy}; chmod +x \${outs.copy}"
    deps: { table: measure.table }
    outs: { copy: copy.json }
    ${tolerance}
`,
  );
  workspace.write(
    "machine.ts",
    "export default { probe: async (env: Record<string, string>) => ({ facts: { device: env.MACHINE ?? 'here' }, watched: [] }) };\n",
  );
  return workspace;
}

interface Verification {
  readonly instance: string;
  readonly state: string;
  readonly details: readonly string[];
}

async function verify(
  workspace: Workspace,
  ...args: string[]
): Promise<{ code: number | null; states: string[]; details: string[] }> {
  const { code, stdout } = await workspace.run("verify", "--json", ...args);
  const lines = stdout.split("\n").filter((line) => line !== "");
  const all = lines.map((line) => JSON.parse(line) as Verification);
  return { code, states: all.map(({ state }) => state), details: all.flatMap(({ details }) => details) };
}

describe("pipeline.lock", () => {
  it("is written by a run of the default profile alone, and not again while nothing changes", async () => {
    const workspace = drifting();
    await workspace.run("run", "--profile", "other");
    await workspace.run("run", "--set", "start=5");
    expect(workspace.exists("pipeline.lock")).toBe(false);
    await workspace.run("run");
    const lock = workspace.read("pipeline.lock");
    expect(lock).toMatch(
      /^ {2}"copy":\n {4}key: [0-9a-f]{64}\n {4}study: [0-9a-f]{64}\n {4}outs:\n {6}"copy": [0-9a-f]{64}\+x\n/m,
    );
    expect(lock).toContain('    platform: {"device":"here"}\n');
    expect(lock.indexOf('"copy"')).toBeLessThan(lock.indexOf('"measure"'));
    chmodSync(workspace.path("pipeline.lock"), 0o644);
    await workspace.run("run");
    await workspace.run("run", "--profile", "other");
    expect(workspace.read("pipeline.lock")).toBe(lock);
    // What is asked has changed: it is recorded anew, and back again the old record is.
    workspace.write("pipeline.yaml", workspace.read("pipeline.yaml").replace("start: 2", "start: 4"));
    await workspace.run("run");
    expect(workspace.read("pipeline.lock")).not.toBe(lock);
    workspace.write("pipeline.yaml", workspace.read("pipeline.yaml").replace("start: 4", "start: 2"));
    await workspace.run("run");
    expect(workspace.read("pipeline.lock")).toBe(lock);
  });

  it("keeps what another machine recorded, and verify tells in what this one differs", async () => {
    const workspace = drifting();
    await workspace.run("run");
    const lock = workspace.read("pipeline.lock");
    expect(await verify(workspace)).toEqual({ code: 0, states: ["same", "same"], details: [] });
    // Another machine: its own cache, and other bits in the last place.
    workspace.remove(".pipeline");
    workspace.remove("artifacts");
    workspace.write("drift", "1e-12");
    const env = { MACHINE: "there" };
    await workspace.runWith({ env }, "run");
    expect(workspace.read("pipeline.lock")).toBe(lock);
    const { code, stdout } = await workspace.runWith({ env }, "verify");
    expect(code).toBe(1);
    expect(stdout).toBe(`measure  different from what is recorded
    artifacts/table.json  divergent: one of them is not in this cache
    machine.device  recorded "here", here "there"
copy  different from what is recorded
    artifacts/copy.json  divergent: one of them is not in this cache
2 instances different from what is recorded
`);
    expect((await workspace.runWith({ env }, "verify", "--accept")).code).toBe(0);
    expect(workspace.read("pipeline.lock")).toContain('platform: {"device":"there"}');
    expect((await workspace.runWith({ env }, "verify")).stdout).toBe("2 instances same as recorded\n");
  });

  it("compares by numbers where both results are in the cache", async () => {
    const workspace = drifting();
    await workspace.run("run");
    workspace.write("drift", "1e-12");
    await workspace.runWith({ env: { MACHINE: "there" } }, "run");
    const { code, stdout } = await workspace.runWith({ env: { MACHINE: "there" } }, "verify", "measure");
    expect(code).toBe(0);
    expect(stdout).toContain("artifacts/table.json  within tolerance: $.rows[0].y: 2 and 2.000000000001\n");
  });

  it("is no obstacle when it is broken, and is never overwritten then", async () => {
    const workspace = drifting();
    await workspace.run("run");
    for (const [text, what] of [
      [`<<<<<<< ours\n${workspace.read("pipeline.lock")}`, "pipeline.lock:1 has a merge conflict"],
      ["version: 7\n", "pipeline.lock has version 7, and this pipeline reads version 1"],
      ["version: 1\ninstances:\n  what\n", "pipeline.lock:3 has a line that is not understood"],
    ] as const) {
      workspace.write("pipeline.lock", text);
      const { code, events } = await workspace.run("run", "--json");
      expect(code).toBe(0);
      expect(events).toContainEqual({ type: "warning", message: expect.stringContaining(what) });
      expect(workspace.read("pipeline.lock")).toBe(text);
      const told = await workspace.run("verify");
      expect(told).toMatchObject({ code: 2, stdout: "" });
      expect(told.stderr).toContain(what);
    }
  });
});

describe("verify", () => {
  it("reads every artifact again, whatever its time stamps say", async () => {
    const workspace = drifting();
    await workspace.run("run");
    expect((await verify(workspace)).states).toEqual(["same", "same"]);
    writeFileSync(workspace.path("artifacts/copy.json"), "{}");
    expect(await verify(workspace)).toEqual({
      code: 1,
      states: ["same", "edited"],
      details: ["artifacts/copy.json  is not what was made"],
    });
    await workspace.run("run");
    expect((await verify(workspace)).code).toBe(0);
  });

  it("says what was never run and what was never recorded", async () => {
    const workspace = drifting();
    expect(await verify(workspace)).toMatchObject({ code: 0, states: ["not-run", "not-run"] });
    await workspace.run("run");
    workspace.remove("pipeline.lock");
    expect((await workspace.run("verify")).stdout).toBe(
      "measure  not recorded\ncopy  not recorded\n2 instances not recorded\n",
    );
    expect(await verify(workspace, "--profile", "other")).toMatchObject({ states: ["not-run", "not-run"] });
  });
});

describe("verify --rerun", () => {
  it("tells identical, within tolerance and divergent apart, and publishes nothing", async () => {
    for (const [drift, tolerance, state, code] of [
      ["0", "", "same", 0],
      ["1e-12", "", "within-tolerance", 0],
      ["1e-3", "", "differs", 1],
      ["1e-3", "tolerance: { relative: 1e-2 }", "within-tolerance", 0],
      ["1e-12", "tolerance: { relative: 0, absolute: 0 }", "differs", 1],
    ] as const) {
      const workspace = drifting(tolerance);
      await workspace.run("run");
      const [table, lock] = [workspace.read("artifacts/table.json"), workspace.read("pipeline.lock")];
      workspace.write("drift", drift);
      const found = await verify(workspace, "--rerun", "measure");
      expect({ drift, tolerance, code: found.code, states: found.states }).toEqual({
        drift,
        tolerance,
        code,
        states: [state],
      });
      expect(workspace.count("measure")).toBe(2);
      expect(workspace.read("artifacts/table.json")).toBe(table);
      expect(workspace.read("pipeline.lock")).toBe(lock);
      expect((await workspace.run("run", "--json")).summary).toMatchObject({ fresh: 2 });
    }
  });

  it("begins each instance of a long stage from nothing, whatever one before it has kept", async () => {
    const workspace = makeWorkspace();
    const keep = 'ls "$PIPELINE_RESUME" | wc -l > ${outs.o}; echo ${i} > "$PIPELINE_RESUME/state"';
    workspace.write(
      "pipeline.yaml",
      `version: 1\nstages: { s: { matrix: { i: [1, 2, 3] }, resume: true, cmd: ${JSON.stringify(keep)}, outs: { o: "\${i}" } } }\n`,
    );
    await workspace.run("run");
    expect(await verify(workspace, "--rerun", "--jobs", "1")).toMatchObject({
      code: 0,
      states: ["same", "same", "same"],
    });
    expect([1, 2, 3].map((i) => workspace.read(`artifacts/${i}`).trim())).toEqual(["0", "0", "0"]);
  });

  it("takes what run takes of jobs and resources, and says that they are for a second run", async () => {
    const workspace = makeWorkspace({
      "pipeline.yaml":
        'version: 1\nstages: { s: { cmd: "set +u; echo on $PIPELINE_GPUS > ${outs.o}", resources: { gpu: 1 }, outs: { o: o } } }\n',
    });
    await workspace.run("run", "--resource", "gpu=7");
    const rerun = async (...args: string[]) => verify(workspace, "--rerun", ...args);
    expect(await rerun("--jobs", "1", "--resource", "gpu=7")).toMatchObject({ code: 0, states: ["same"] });
    expect(await rerun("--resource", "gpu=8")).toMatchObject({ code: 1, states: ["differs"] });
    const wrong = await workspace.run("verify", "--resource", "gpu=7");
    expect(wrong).toMatchObject({ code: 2, stderr: expect.stringContaining("--jobs and --resource are for --rerun") });
  });

  it("compares tensors and directories, by name", async () => {
    const workspace = makeWorkspace({
      drift: "0",
      "pipeline.yaml": `version: 1
stages:
  tensors:
    run: tensors.ts
    reads: [drift]
    outs: { folder: { path: folder, kind: directory } }
`,
      "tensors.ts": stageModule(
        `const drift = Number(readFileSync("drift", "utf8"));
    const header = JSON.stringify({ theta: { dtype: "F64", shape: [2], data_offsets: [0, 16] } });
    const bytes = Buffer.alloc(8 + header.length + 16);
    bytes.writeBigUInt64LE(BigInt(header.length));
    bytes.write(header, 8);
    bytes.writeDoubleLE(0.5, 8 + header.length);
    bytes.writeDoubleLE(4 + drift, 16 + header.length);
    writeFileSync(context.out("folder") + "/a.safetensors", bytes);
    writeFileSync(context.out("folder") + "/b.txt", "same");
    if (drift > 1) writeFileSync(context.out("folder") + "/c.txt", "more");`,
      ),
    });
    expect((await workspace.run("run")).code).toBe(0);
    const told = async (drift: string): Promise<string[]> => {
      workspace.write("drift", drift);
      return (await verify(workspace, "--rerun")).details;
    };
    expect(await told("0")).toEqual([]);
    expect(await told("1e-10")).toEqual(["artifacts/folder  within tolerance: theta[1]: 4 and 4.0000000001"]);
    expect(await told("0.5")).toEqual(["artifacts/folder  divergent: theta[1]: 4 and 4.5"]);
    expect(await told("2")).toEqual(["artifacts/folder  divergent: only one of them has c.txt"]);
  });
});
