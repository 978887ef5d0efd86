import { existsSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { Failure } from "../../../src/engine/plan/event.ts";
import { makeWorkspace, type Outcome, stageModule, type Workspace } from "../../rig/workspace.ts";

/** A workspace with one stage `s` (out: x.json) whose run() has this body. */
function stage(body: string, declared = "", imports = ""): Workspace {
  return makeWorkspace({
    "pipeline.yaml": `version: 1\nstages:\n  s:\n    run: stages/s.ts\n    outs: { x: x.json }\n${declared}`,
    "stages/s.ts": stageModule(body, imports),
  });
}

function failureOf({ events }: Outcome): Failure {
  const failed = events.find((event) => event.type === "failed");
  if (failed?.type !== "failed") throw new Error(`no failure in ${JSON.stringify(events)}`);
  return failed.failure;
}

async function failure(workspace: Workspace): Promise<Failure> {
  const outcome = await workspace.run("run", "--json");
  expect(outcome.code).toBe(1);
  expect(workspace.exists("artifacts/x.json")).toBe(false);
  return failureOf(outcome);
}

describe("a stage that fails", () => {
  it("with a StageError is told in its own words, without a stack", async () => {
    const told = await failure(stage('throw new StageError("the data is truncated", "download it again");'));
    expect(told).toEqual({
      reason: "stage-failed",
      message: "the data is truncated",
      remedy: "download it again",
      output: [],
    });
  });

  it("with any other exception shows its stack, in lines of the source", async () => {
    const workspace = stage("console.log('before');\n    broken();", "", 'import { broken } from "../src/broken.ts";');
    workspace.write(
      "src/broken.ts",
      "// one\n// two\nexport function broken(): never {\n  throw new TypeError(`no ${1 + 1}`);\n}\n",
    );
    const told = await failure(workspace);
    expect(told).toMatchObject({ reason: "stage-threw", message: "TypeError: no 2" });
    expect(told.output[0]).toBe("before");
    expect(told.output.join("\n")).toMatch(/at broken \(.*src\/broken\.ts:4:9\)/);
    expect(workspace.read(".pipeline/logs/s.log")).toBe(`${told.output.join("\n")}\n`);
  });

  it("by a rejection that nobody awaits fails too", async () => {
    expect(
      await failure(stage("void Promise.reject(new Error('lost')); await new Promise((f) => setTimeout(f, 60_000));")),
    ).toMatchObject({
      reason: "stage-threw",
      message: "Error: lost",
    });
  });

  it("by never settling, or by ending the process, is told so", async () => {
    expect(await failure(stage("await new Promise(() => {});"))).toMatchObject({ reason: "stage-exited" });
    expect(await failure(stage("process.exit(0);"))).toMatchObject({ reason: "stage-exited" });
    expect(await failure(stage("process.exit(3);"))).toMatchObject({
      reason: "stage-exited",
      message: "s ended with exit code 3",
    });
  });

  it("by a signal", async () => {
    expect(
      await failure(stage("process.kill(process.pid, 'SIGKILL'); await new Promise((f) => setTimeout(f, 60_000));")),
    ).toMatchObject({ reason: "killed" });
    expect(await failure(stage("process.abort();"))).toMatchObject({
      reason: "killed",
      message: expect.stringContaining("SIGABRT"),
    });
  });

  it("by running out of memory", async () => {
    const told = await failure(
      stage(
        "const kept: unknown[] = []; const { setFlagsFromString } = await import('node:v8'); setFlagsFromString('--max-old-space-size=20'); for (;;) kept.push(new Array(1000).fill(kept.length));",
      ),
    );
    expect(told.reason).toBe("out-of-memory");
    expect(await failure(stage("new ArrayBuffer(2 ** 52);"))).toMatchObject({ reason: "out-of-memory" });
  });

  it("by asking for what it has not declared", async () => {
    expect(await failure(stage('context.dep("data");'))).toMatchObject({
      reason: "stage-contract",
      message: 'stages/s.ts: dep "data" is not declared; the stage declares no deps',
    });
    expect(await failure(stage('context.out("y");'))).toMatchObject({
      message: 'stages/s.ts: out "y" is not declared; declared outs: x',
    });
  });

  it("by a syntax error, a missing import or a missing default export", async () => {
    const workspace = stage("");
    workspace.write("stages/s.ts", "export default {\n  run( {\n");
    expect(await failure(workspace)).toMatchObject({
      reason: "code-error",
      message: expect.stringMatching(/^stages\/s\.ts:\d+:\d+: /),
    });
    workspace.write("stages/s.ts", "export const run = 1;\n");
    expect(await failure(workspace)).toMatchObject({
      reason: "code-error",
      message: "stages/s.ts has no default export",
    });
    workspace.write("stages/s.ts", "export default { start() {} };\n");
    expect(await failure(workspace)).toMatchObject({ reason: "stage-contract" });
  });

  it("is not cached: it runs again", async () => {
    const workspace = stage("throw new StageError('no');");
    for (const _ of [1, 2])
      expect((await workspace.run("run", "--json")).summary).toMatchObject({ failed: 1, fresh: 0 });
  });
});

describe("what a stage may touch", () => {
  it("is not a file that it has not declared: the message names it and says how to", async () => {
    const workspace = stage('writeFileSync(context.out("x"), readFileSync("input/secret.txt"));');
    workspace.write("input/secret.txt", "1");
    expect(await failure(workspace)).toMatchObject({
      reason: "undeclared-read",
      message: "s reads input/secret.txt, which is not among its deps",
      remedy: 'declare it in pipeline.yaml, under `s:` `deps: { secret: { files: "input/secret.txt" } }`',
    });
    workspace.write(
      "pipeline.yaml",
      `${workspace.read("pipeline.yaml")}    deps: { secret: { files: "input/secret.txt" } }\n`,
    );
    expect((await workspace.run("run", "--json")).summary).toMatchObject({ ran: 1, failed: 0 });
  });

  it("is not another stage's out: the message says which dep it would be", async () => {
    const workspace = stage(
      'writeFileSync(context.out("x"), readFileSync("artifacts/data.txt"));',
      "  data:\n    cmd: 'echo 1 > ${outs.data}'\n    outs: { data: data.txt }\n",
    );
    await workspace.run("run", "data");
    expect(await failure(workspace)).toMatchObject({
      reason: "undeclared-read",
      remedy: expect.stringContaining("`deps: { data: data.data }`"),
    });
  });

  it("is not the rest of the machine, nor a place to write, nor other programs", async () => {
    expect(await failure(stage('readFileSync("/etc/hostname");'))).toMatchObject({
      reason: "undeclared-read",
      remedy: expect.stringContaining('`reads: ["/etc/hostname"]`'),
    });
    expect(await failure(stage('writeFileSync("notes.txt", "1");'))).toMatchObject({
      reason: "undeclared-write",
      message: "s writes notes.txt, which is not among its outs",
    });
    expect(
      await failure(stage("execSync('true');", "", 'import { execSync } from "node:child_process";')),
    ).toMatchObject({ reason: "not-permitted" });
  });

  it("is its own temporary directory, which is gone afterwards", async () => {
    const workspace = stage(
      'const folder = mkdtempSync(join(tmpdir(), "x-")); writeFileSync(join(folder, "a"), "1"); readdirSync(tmpdir()); writeFileSync(context.out("x"), JSON.stringify(folder));',
      "",
      'import { mkdtempSync, readdirSync } from "node:fs";\nimport { tmpdir } from "node:os";\nimport { join } from "node:path";',
    );
    expect((await workspace.run("run", "--json")).summary).toMatchObject({ ran: 1 });
    const folder = JSON.parse(workspace.read("artifacts/x.json")) as string;
    expect(folder).toContain(".pipeline/tmp");
    expect(existsSync(folder)).toBe(false);
  });

  it("is a place that it declares under reads, or that a declared variable names", async () => {
    const mirror = makeWorkspace({ "a.txt": "42" });
    const read = (expression: string): string => `writeFileSync(context.out("x"), readFileSync(${expression}));`;
    const declared = stage(read(JSON.stringify(mirror.path("a.txt"))), `    reads: [${JSON.stringify(mirror.root)}]\n`);
    expect((await declared.run("run", "--json")).summary).toMatchObject({ ran: 1 });
    const variable = stage(read('new URL(process.env.MIRROR + "/a.txt")'), "    env: [MIRROR]\n");
    const env = { MIRROR: `file://${mirror.root}` };
    expect((await variable.runWith({ env }, "run", "--json")).summary).toMatchObject({ ran: 1 });
    expect(variable.read("artifacts/x.json")).toBe("42");
  });

  it("is a folder of the user's that it declares under writes", async () => {
    const home = makeWorkspace();
    const workspace = stage(
      'const file = `${process.env.HOME}/cache/x/a.txt`; writeFileSync(file, "kept"); writeFileSync(context.out("x"), readFileSync(file));',
      "    writes: [~/cache/x]\n",
    );
    expect((await workspace.runWith({ env: { HOME: home.root } }, "run", "--json")).summary).toMatchObject({ ran: 1 });
    expect(home.read("cache/x/a.txt")).toBe("kept");
  });

  it("is no environment variable but those it declares, and a change of one makes it stale", async () => {
    const workspace = stage(
      'writeFileSync(context.out("x"), JSON.stringify([process.env.SEEN ?? null, process.env.HIDDEN ?? null]));',
      "    env: [SEEN]\n",
    );
    const run = (env: Record<string, string>): Promise<Outcome> => workspace.runWith({ env }, "run", "--json");
    await run({ SEEN: "1", HIDDEN: "1" });
    expect(workspace.read("artifacts/x.json")).toBe('["1",null]');
    expect((await run({ SEEN: "1", HIDDEN: "2" })).summary).toMatchObject({ fresh: 1 });
    const changed = await run({ SEEN: "2" });
    expect(changed.summary).toMatchObject({ ran: 1 });
    expect(changed.events).toContainEqual(
      expect.objectContaining({
        type: "started",
        reasons: [{ kind: "env", subject: "SEEN", before: "1", after: "2" }],
      }),
    );
  });
});

describe("outs", () => {
  it("that are missing", async () => {
    expect(await failure(stage(""))).toMatchObject({
      reason: "missing-out",
      message: 's ended well but did not write its out "x" (artifacts/x.json)',
      remedy: 'write to context.out("x")',
    });
  });

  it("that are of the wrong kind, or links", async () => {
    expect(
      await failure(stage('mkdirSync(context.out("x"));', "", 'import { mkdirSync } from "node:fs";')),
    ).toMatchObject({
      reason: "invalid-out",
      message: 'out "x" (artifacts/x.json) is a directory, and is declared as a file',
    });
  });

  it("that do not satisfy their schema", async () => {
    const workspace = makeWorkspace({
      "pipeline.yaml":
        "version: 1\nstages:\n  s:\n    run: stages/s.ts\n    outs: { x: { path: x.json, schema: run } }\n",
      "schemas/run.schema.json": JSON.stringify({
        type: "object",
        required: ["loss"],
        properties: { loss: { type: "number" } },
      }),
      "stages/s.ts": stageModule('writeFileSync(context.out("x"), JSON.stringify({ loss: "low" }));'),
    });
    expect(await failure(workspace)).toMatchObject({
      reason: "invalid-out",
      message: 'out "x" (artifacts/x.json) does not satisfy schemas/run.schema.json: loss must be number, and is "low"',
    });
    workspace.write("schemas/run.schema.json", JSON.stringify({ type: "object" }));
    expect((await workspace.run("run", "--json")).summary).toMatchObject({ ran: 1 });
    // The schema decides whether there is a result: another one is another key.
    workspace.write("schemas/run.schema.json", JSON.stringify({ type: "object", required: ["loss"] }));
    expect((await workspace.run("run", "--json")).summary).toMatchObject({ ran: 1 });
  });

  it("that are directories are kept as they are, with their executables", async () => {
    const workspace = makeWorkspace({
      "pipeline.yaml": `version: 1
stages:
  make:
    cmd: 'mkdir -p \${outs.d}/deep/er && echo data > \${outs.d}/deep/er/a.txt && printf "#!/bin/sh\\necho ran\\n" > \${outs.d}/tool && chmod +x \${outs.d}/tool'
    outs: { d: { path: tools, kind: directory } }
  use:
    cmd: '\${deps.d}/tool > \${outs.x}'
    deps: { d: make.d }
    outs: { x: x.txt }
`,
    });
    expect((await workspace.run("run", "--json")).summary).toMatchObject({ ran: 2 });
    expect(workspace.read("artifacts/x.txt")).toBe("ran\n");
    expect((await workspace.run("run", "--json")).summary).toMatchObject({ fresh: 2 });
    workspace.write("artifacts/tools/deep/er/extra.txt", "not an out");
    workspace.write("artifacts/tools/tool", "broken");
    expect((await workspace.run("run", "--json")).summary).toMatchObject({ restored: 1, fresh: 1 });
    expect(workspace.list("artifacts/tools")).toEqual(["artifacts/tools/deep/er/a.txt", "artifacts/tools/tool"]);
    expect((await workspace.run("run", "--json", "--force", "use")).summary).toMatchObject({ ran: 1 });
  });
});

describe("a cmd: stage", () => {
  const command = (cmd: string): Workspace =>
    makeWorkspace({
      "pipeline.yaml": `version: 1\nstages:\n  s:\n    cmd: ${JSON.stringify(cmd)}\n    outs: { x: x.json }\n`,
    });

  it("that fails says with what", async () => {
    expect(await failure(command("echo out; echo err >&2; exit 3"))).toMatchObject({
      reason: "command-failed",
      message: "the command ended with exit code 3",
      output: expect.arrayContaining(["out", "err"]),
    });
    expect(await failure(command("no-such-program-here"))).toMatchObject({
      message: "the command was not found (exit code 127)",
    });
    // In a pipe, too.
    expect(await failure(command("false | cat > ${outs.x}"))).toMatchObject({ reason: "command-failed" });
    expect(await failure(command("kill -9 $$"))).toMatchObject({ reason: "killed" });
    expect(await failure(command("true"))).toMatchObject({
      reason: "missing-out",
      remedy: "let the command write to ${outs.x}",
    });
  });

  it("gets paths quoted, and its processes in the background are ended with it", async () => {
    const workspace = makeWorkspace({
      "pipeline.yaml": `version: 1\nstages:\n  s:\n    cmd: 'sleep 1000 & cat \${deps.f} > \${outs.x}'\n    deps: { f: { files: "in put/*.txt" } }\n    outs: { x: "x y.txt" }\n`,
      "in put/a'b.txt": "a",
      "in put/$(c).txt": "c",
    });
    expect((await workspace.run("run", "--json")).summary).toMatchObject({ ran: 1 });
    expect(workspace.read("artifacts/x y.txt")).toBe("ca");
  });
});

describe("after a failure", () => {
  const branches = (): Workspace =>
    makeWorkspace({
      "pipeline.yaml": `version: 1
stages:
  bad: { cmd: "exit 1", outs: { x: bad.txt } }
  after: { cmd: "cat \${deps.x} > \${outs.y}", deps: { x: bad.x }, outs: { y: after.txt } }
  good: { cmd: "echo 1 > \${outs.x}", outs: { x: good.txt } }
  later: { cmd: "cat \${deps.x} > \${outs.y}", deps: { x: good.x }, outs: { y: later.txt } }
`,
    });

  it("nothing more starts, and what hangs on it is skipped", async () => {
    const { summary, events, code } = await branches().run("run", "--json", "--jobs", "1");
    expect(code).toBe(1);
    expect(summary).toMatchObject({ failed: 1, skipped: 3, ran: 0 });
    expect(events).toContainEqual({ type: "skipped", instance: "after", because: "bad" });
  });

  it("with --keep-going the rest does", async () => {
    const workspace = branches();
    expect((await workspace.run("run", "--json", "--keep-going")).summary).toMatchObject({
      failed: 1,
      skipped: 1,
      ran: 2,
    });
    expect(workspace.read("artifacts/later.txt")).toBe("1\n");
  });
});
