import { readdirSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { makeWorkspace, repository, stageModule, type Workspace } from "../../rig/workspace.ts";

const STEPS = 60;

/**
 * Hashes its way through many steps and keeps every third; what it prints tells where it is and where it began. One
 * process takes as many steps as `budget.txt` says, and then waits to be killed.
 */
const STAGE = stageModule(
  `const { seed, dies } = context.params as { seed: number; dies: number };
    const budget = Number(readFileSync("budget.txt", "utf8"));
    const state = context.resume + "/state.json";
    let { step, hash } = existsSync(state) ? JSON.parse(readFileSync(state, "utf8")) : { step: 0, hash: String(seed) };
    console.log("from " + step);
    const first = step;
    for (; step < ${STEPS}; ) {
      hash = createHash("sha256").update(hash + step).digest("hex");
      step++;
      if (step % 3 === 0) {
        writeFileSync(state + "." + process.pid, JSON.stringify({ step, hash }));
        renameSync(state + "." + process.pid, state);
      }
      console.log("step " + step);
      if (step - first === budget) await new Promise((fulfil) => setTimeout(fulfil, 1_000_000, console.log("waiting")));
      await new Promise(setImmediate);
      if (dies > 0 && step === first + dies) process.kill(process.pid, "SIGKILL");
    }
    writeFileSync(context.out("x"), hash);`,
  'import { existsSync, renameSync } from "node:fs";\nimport { createHash } from "node:crypto";',
);

function long(declared = "", params = "{ seed: 1, dies: 0 }"): Workspace {
  return makeWorkspace({
    "pipeline.yaml": `version: 1
params: ${params}
stages:
  long:
    run: long.ts
    resume: true
    reads: [budget.txt]
${declared}
    params: { seed: "\${params.seed}", dies: "\${params.dies}" }
    outs: { x: x.txt }
`,
    "long.ts": STAGE,
    "budget.txt": "1000",
  });
}

async function uninterrupted(): Promise<string> {
  const workspace = long();
  expect((await workspace.run("run")).code).toBe(0);
  return workspace.read("artifacts/x.txt");
}

describe("resume: true", () => {
  it("goes on after kill -9 of the pipeline at any step, to the same bytes", async () => {
    const expected = await uninterrupted();
    const workspace = long();
    let reached = 0;
    for (let round = 0; reached < STEPS - 12; round++) {
      workspace.write("budget.txt", String(4 + (round % 5)));
      const running = workspace.start({}, "run", "--json");
      // In every other round in the middle of things, else when it waits: no clock decides.
      const lines = 2 + ((round * 7) % 4);
      await running.printed(round % 2 === 0 ? /"waiting"/ : new RegExp(`(?:.*"output".*\\n){${lines}}`));
      running.kill("SIGKILL");
      const { events } = await running.ended;
      const printed = events.flatMap((event) => (event.type === "output" ? [event.line] : []));
      // Never back to the beginning: at most what was not yet kept is done again.
      expect(Number(/^from (\d+)$/.exec(printed[0]!)![1])).toBeGreaterThanOrEqual(reached - 3);
      reached = Math.max(reached, ...printed.map((line) => Number(/^step (\d+)$/.exec(line)?.[1] ?? 0)));
    }
    workspace.write("budget.txt", "1000");
    expect((await workspace.run("run")).code).toBe(0);
    expect(workspace.read("artifacts/x.txt")).toBe(expected);
    expect(workspace.list(".pipeline/resume")).toEqual([]);
    expect(readdirSync(workspace.path(".pipeline/resume"))).toEqual([]);
  });

  it("goes on by itself where its retries say so, and after a failure when it is run again", async () => {
    const expected = await uninterrupted();
    const workspace = long("    retries: { times: 3, on: [killed], delay: 0 }", "{ seed: 1, dies: 10 }");
    const { code, events } = await workspace.run("run", "--json");
    // Four starts of ten steps, of which it keeps nine.
    expect(code).toBe(1);
    const starts = events.flatMap((event) =>
      event.type === "output" && event.line.startsWith("from") ? [event.line] : [],
    );
    expect(starts).toEqual(["from 0", "from 9", "from 18", "from 27"]);
    expect((await workspace.run("run", "--json")).code).toBe(0);
    expect(workspace.read("artifacts/x.txt")).toBe(expected);
  });

  it("goes on after an interruption", async () => {
    const workspace = long();
    workspace.write("budget.txt", "20");
    const running = workspace.start({}, "run", "--json");
    await running.printed(/"waiting"/);
    running.kill("SIGINT");
    const { code } = await running.ended;
    expect(code).toBe(130);
    workspace.write("budget.txt", "1000");
    const { events } = await workspace.run("run", "--json");
    expect(events.find((event) => event.type === "output")).toMatchObject({ line: "from 18" });
    expect(workspace.read("artifacts/x.txt")).toBe(await uninterrupted());
  });

  it("starts from nothing under another key, whose folder replaces the old one", async () => {
    const workspace = long("", "{ seed: 1, dies: 10 }");
    await workspace.run("run");
    expect(workspace.list(".pipeline/resume")).toHaveLength(1);
    const { events } = await workspace.run("run", "--json", "--set", "seed=2");
    expect(events.find((event) => event.type === "output")).toMatchObject({ line: "from 0" });
    const left = workspace.list(".pipeline/resume");
    expect(left).toHaveLength(1);
    // Back again: the first key's is gone.
    const back = await workspace.run("run", "--json");
    expect(back.events.find((event) => event.type === "output")).toMatchObject({ line: "from 0" });
    expect(workspace.list(".pipeline/resume")).not.toEqual(left);
    workspace.write("long.ts", STAGE.replace("dies > 0", "dies > 1000"));
    expect((await workspace.run("run")).code).toBe(0);
    expect(workspace.list(".pipeline/resume")).toEqual([]);
  });

  it("is there for commands and for each member of a batch, and for nobody who has not declared it", async () => {
    const workspace = makeWorkspace({
      "pipeline.yaml": `version: 1
stages:
  shell:
    cmd: 'if [ -e $PIPELINE_RESUME/half ]; then cat $PIPELINE_RESUME/half > \${outs.x}; else echo 1 > $PIPELINE_RESUME/half; exit 75; fi'
    resume: true
    retries: { times: 1, on: [75], delay: 0 }
    outs: { x: shell.txt }
  plain: { run: plain.ts, outs: { x: plain.txt } }
  batch: { run: batch.ts, batch: true, resume: true, matrix: { n: [1, 2, 3] }, outs: { x: "batch/\${n}" } }
`,
      "plain.ts": stageModule('writeFileSync(context.out("x"), String(context.resume));'),
      "batch.ts": `import { readdirSync, writeFileSync } from "node:fs";
import { defineStage } from ${JSON.stringify(`${repository}/src/stage.ts`)};
export default defineStage({
  async runBatch(members) {
    for (const { name, resume } of members) writeFileSync(resume + "/" + name, "");
    for (const member of members)
      await member.settle(() => writeFileSync(member.out("x"), readdirSync(member.resume!).join()));
  },
});
`,
    });
    const { code, stdout } = await workspace.run("run");
    expect([code, stdout]).toEqual([0, expect.stringContaining("attempt 2 of 2")]);
    expect(workspace.read("artifacts/shell.txt")).toBe("1\n");
    expect(workspace.read("artifacts/plain.txt")).toBe("undefined");
    for (const n of [1, 2, 3]) expect(workspace.read(`artifacts/batch/${n}`)).toBe(`batch@n=${n}`);
  });

  it("starts from nothing under verify --rerun, and leaves no trace in the key", async () => {
    const workspace = long();
    await workspace.run("run");
    workspace.write("pipeline.yaml", workspace.read("pipeline.yaml").replace("    resume: true\n", ""));
    workspace.write(
      "pipeline.yaml",
      workspace.read("pipeline.yaml").replace("long.ts\n", "long.ts\n    resume: true\n    timeout: 1h\n"),
    );
    expect((await workspace.run("run", "--json")).summary).toMatchObject({ fresh: 1 });
    const { code, stdout } = await workspace.run("verify", "--rerun");
    expect([code, stdout]).toEqual([0, expect.any(String)]);
  });
});
