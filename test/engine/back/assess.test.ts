import { mkdirSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { Assessment } from "../../../src/engine/survey/assess.ts";
import { makeStudy, SHARED, STUDY } from "../../e2e/engine/study.ts";
import { makeWorkspace, stageModule, type Workspace } from "../../rig/workspace.ts";
import { assessIn, runIn, spoken } from "./rig.ts";

const states = (assessments: readonly Assessment[]): Record<string, string> =>
  Object.fromEntries(assessments.map(({ instance, state }) => [instance, state]));

async function of(workspace: Workspace, instance: string): Promise<Assessment> {
  const found = (await assessIn(workspace)).find((assessment) => assessment.instance === instance);
  if (found === undefined) throw new Error(`no ${instance}`);
  return found;
}

describe("an assessment", () => {
  it("says of everything that it never ran, and what waits for what", async () => {
    const study = makeStudy();
    const assessments = await assessIn(study);
    expect(states(assessments)).toEqual({
      data: "stale",
      "train@eta=0.5": "depends",
      "train@eta=0.25": "depends",
      "spectrum@eta=0.5": "depends",
      "spectrum@eta=0.25": "depends",
      table: "depends",
    });
    expect(assessments.every(({ reasons }) => reasons[0]?.kind === "never-run")).toBe(true);
    expect(assessments.find(({ instance }) => instance === "table")?.dependsOn).toEqual(["data"]);
  });

  it("says that everything is fresh, and how long it took", async () => {
    const study = makeStudy();
    await runIn(study);
    for (const { state, reasons, lastSeconds } of await assessIn(study)) {
      expect(state).toBe("fresh");
      expect(reasons).toEqual([]);
      expect(lastSeconds).toBeGreaterThan(0);
    }
  });

  it("changes nothing in the workspace", async () => {
    const study = makeStudy();
    await runIn(study);
    study.remove("artifacts/table.txt");
    expect(states(await assessIn(study)).table).toBe("restorable");
    expect(study.exists("artifacts/table.txt")).toBe(false);
  });

  it("names the source file that changed, and the deps that did not", async () => {
    const study = makeStudy();
    await runIn(study);
    study.write("src/shared.ts", SHARED.replace("STEPS = 3", "STEPS = 4"));
    const train = await of(study, "train@eta=0.5");
    expect(train.state).toBe("stale");
    expect(spoken(train)).toEqual([
      expect.stringMatching(/^code src\/shared\.ts [0-9a-f]{12} → [0-9a-f]{12}$/),
      expect.stringMatching(/^dep data\.data ([0-9a-f]{12}) → \1$/),
    ]);
    const spectrum = await of(study, "spectrum@eta=0.5");
    expect(spectrum).toMatchObject({ state: "depends", dependsOn: ["train@eta=0.5"], reasons: [] });
  });

  it("tells values: params, packages, variables, schemas, files, declarations", async () => {
    const workspace = makeWorkspace({
      "pipeline.yaml": PIPELINE,
      "schemas/run.schema.json": "{}",
      "input/a.txt": "a",
      "stages/s.ts": stageModule('void thing; writeFileSync(context.out("x"), "{}");', 'import thing from "thing";'),
      "package-lock.json": lock("1.0.0"),
      "node_modules/thing/package.json": '{ "name": "thing", "version": "1.0.0", "main": "i.js" }',
      "node_modules/thing/i.js": "module.exports = 1;",
    });
    const environment = { PATH: process.env.PATH, MODE: "a" };
    expect((await runIn(workspace, { environment })).words).toEqual(["ran s"]);
    const now = async (values: Record<string, string> = {}): Promise<string[]> => {
      const [assessment] = await assessIn(workspace, [], { ...environment, ...values });
      return spoken(assessment!);
    };
    expect(await now()).toEqual([]);
    expect(await now({ MODE: "b" })).toEqual(["env MODE a → b"]);

    workspace.write(
      "pipeline.yaml",
      PIPELINE.replace("eta: 0.01", "eta: 0.02").replace("[10, 20]", "[10, 30]").replace("plain", "other"),
    );
    expect(await now()).toEqual([
      "param params.eta 0.01 → 0.02",
      "param params.layers[1] 20 → 30",
      'param params.word "plain" → "other"',
    ]);

    workspace.write("pipeline.yaml", PIPELINE.replace("path: x.json", "path: y.json"));
    expect(await now()).toEqual([
      expect.stringMatching(/^out-declaration x \{.*artifacts\/x\.json.*\} → \{.*artifacts\/y\.json.*\}$/),
    ]);

    workspace.write("pipeline.yaml", PIPELINE);
    workspace.write("package-lock.json", lock("1.1.0"));
    expect(await now()).toEqual(["package thing 1.0.0 → 1.1.0"]);
    workspace.write("package-lock.json", lock("1.0.0"));

    workspace.write("schemas/run.schema.json", '{ "type": "object" }');
    expect(await now()).toEqual([expect.stringMatching(/^schema schemas\/run\.schema\.json \w{12} → \w{12}$/)]);
    workspace.write("schemas/run.schema.json", "{}");

    workspace.write("input/a.txt", "b");
    workspace.write("input/c.txt", "c");
    expect(await now()).toEqual([
      expect.stringMatching(/^file input\/a\.txt \w{12} → \w{12}$/),
      expect.stringMatching(/^file input\/c\.txt none → \w{12}$/),
    ]);
  });

  it("finds the way back: an older state is restorable, with what differs from the present", async () => {
    const study = makeStudy();
    await runIn(study);
    study.write("src/shared.ts", SHARED.replace("SCALE = 10", "SCALE = 20"));
    await runIn(study);
    study.write("src/shared.ts", SHARED);
    const spectrum = await of(study, "spectrum@eta=0.5");
    expect(spectrum.state).toBe("restorable");
    expect(spoken(spectrum)).toEqual([expect.stringMatching(/^code src\/shared\.ts /)]);
    expect((await runIn(study)).result).toMatchObject({ restored: 3, fresh: 3 });
  });

  it("tells which instance a fan-in gained", async () => {
    const study = makeStudy();
    await runIn(study);
    study.write("pipeline.yaml", STUDY.replace("0.25]", "0.25, 2]"));
    const table = await of(study, "table");
    expect(table.dependsOn).toEqual(["train@eta=2"]);
    await runIn(study, { targets: ["spectrum@eta=2"] });
    expect(spoken(await of(study, "table"))).toContainEqual(
      expect.stringMatching(/^dep spectrum@eta=2\.values none → \w{12}$/),
    );
  });

  it("says what cannot run at all", async () => {
    const study = makeStudy();
    study.write("stages/train.ts", "export default {\n");
    await runIn(study, { targets: ["data"] });
    expect(await of(study, "train@eta=0.5")).toMatchObject({
      state: "stale",
      reasons: [{ kind: "code-error", subject: "train" }],
    });
  });
});

const PIPELINE = `version: 1
stages:
  s:
    run: stages/s.ts
    params: { eta: 0.01, layers: [10, 20], word: plain }
    deps: { a: { files: "input/*.txt" } }
    env: [MODE]
    outs: { x: { path: x.json, schema: run } }
`;

function lock(version: string): string {
  return JSON.stringify({ lockfileVersion: 3, packages: { "": {}, "node_modules/thing": { version } } });
}

describe("a platform", () => {
  const PROBE = (fact: string): string => `import { existsSync, appendFileSync } from "node:fs";
export default { async probe(env) {
  appendFileSync(${JSON.stringify("PROBES")}, "x");
  if (env.WANTED === "none") return { reason: "platform-unavailable", message: "there is no such device", remedy: "plug it in" };
  return { facts: { device: env.WANTED ?? "cpu", extra: existsSync("gpu"), ${fact} }, watched: [process.cwd() + "/gpu"] };
} };
`;
  const machine = (): Workspace =>
    makeWorkspace({
      "pipeline.yaml":
        "version: 1\nplatforms:\n  numeric: { run: platform.ts, env: [WANTED] }\nstages:\n  s:\n    run: s.ts\n    platform: numeric\n    outs: { x: x.json }\n",
      "platform.ts": PROBE("v: 1"),
      "s.ts": stageModule(
        'writeFileSync(context.out("x"), JSON.stringify([context.platform, context.provenance.platform]));',
      ),
    });
  const probes = (workspace: Workspace): number => (workspace.exists("PROBES") ? workspace.read("PROBES").length : 0);

  it("is asked once, and again when its code, its variables or what it watches change", async () => {
    const workspace = machine();
    const { events, words } = await runIn(workspace);
    expect(words).toEqual(["ran s"]);
    expect(events[0]).toMatchObject({ type: "plan", platform: "cpu" });
    const facts = { device: "cpu", extra: false, v: 1 };
    expect(JSON.parse(workspace.read("artifacts/x.json"))).toEqual([facts, facts]);
    expect((await runIn(workspace)).words).toEqual(["fresh s"]);
    expect(probes(workspace)).toBe(1);

    mkdirSync(workspace.path("gpu"));
    expect(spoken((await assessIn(workspace))[0]!)).toEqual(["platform numeric.extra false → true"]);
    expect(probes(workspace)).toBe(2);
    workspace.remove("gpu");
    expect((await runIn(workspace)).words).toEqual(["fresh s"]);

    writeFileSync(workspace.path("platform.ts"), PROBE("v: 2"));
    expect(spoken((await assessIn(workspace))[0]!)).toEqual(["platform numeric.v 1 → 2"]);
    writeFileSync(workspace.path("platform.ts"), PROBE("v: 1"));
    expect((await runIn(workspace, { environment: { ...process.env, WANTED: "gpu" } })).words).toEqual(["ran s"]);
  });

  it("that is not available, or broken, ends the run before anything starts", async () => {
    const workspace = machine();
    const told = await runIn(workspace, { environment: { ...process.env, WANTED: "none" } });
    expect(told.events).toEqual([]);
    expect(told.result).toEqual({
      reason: "platform-unavailable",
      message: "the platform `numeric` is not available: there is no such device",
      remedy: "plug it in",
    });
    workspace.write("platform.ts", "export default { probe() { throw new Error('no luck'); } };\n");
    expect((await runIn(workspace)).result).toMatchObject({
      reason: "platform-failed",
      message: expect.stringContaining("no luck"),
    });
    workspace.write("platform.ts", "export default { probe() { process.exit(4); } };\n");
    expect((await runIn(workspace)).result).toMatchObject({
      reason: "platform-failed",
      message: expect.stringContaining("exit code 4"),
    });
  });
});
