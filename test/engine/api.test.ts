import { execFile } from "node:child_process";
import { mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import type * as Declared from "../../bin/engine.mjs";
import type * as Actual from "../../src/engine/api.ts";
import { makeWorkspace, repository, type Workspace } from "../rig/workspace.ts";

// What is declared for importers is what there is: this is checked by the compiler.
const declared = (actual: typeof Actual): typeof Declared => actual;
const stage =
  'export default { async run(context) { (await import("node:fs")).writeFileSync(context.out("o"), String(context.params.n * 2)); } };\n';

/** A workspace of somebody else's: no numerics, and the package in its node_modules. */
function workspaceWithout(): Workspace {
  const workspace = makeWorkspace({
    "package.json": '{ "type": "module", "private": true }',
    "pipeline.yaml": `version: 1
params: { n: 21 }
stages:
  double: { run: double.js, params: { n: "\${params.n}" }, outs: { o: o.txt } }
  again: { cmd: "cat \${deps.o} \${deps.o} > \${outs.o}", deps: { o: double.o }, outs: { o: again.txt } }
`,
    "double.js": stage,
  });
  mkdirSync(workspace.path("node_modules"));
  symlinkSync(repository, workspace.path("node_modules/gd-instabilities"));
  return workspace;
}

async function node(workspace: Workspace, body: string): Promise<unknown> {
  workspace.write(
    "script.js",
    `import { isProblem, run, status } from "gd-instabilities/engine";
const workspace = import.meta.dirname ?? new URL(".", import.meta.url).pathname;
const answer = await (async () => { ${body} })();
console.log(JSON.stringify(answer));
`,
  );
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [workspace.path("script.js")]);
  expect(stderr).toBe("");
  return JSON.parse(stdout);
}

describe("gd-instabilities/engine", () => {
  it("runs a workspace that has no numerics in it, and prints nothing", async () => {
    const workspace = workspaceWithout();
    const answer = await node(
      workspace,
      `const before = await status({ workspace });
    const events = [];
    const summary = await run({ workspace, jobs: 1, onEvent: (event) => events.push(event.type) });
    const after = await status({ workspace, targets: ["again"] });
    return { before, events, summary, after, problem: isProblem(summary) };`,
    );
    expect(answer).toMatchObject({
      before: [
        { instance: "double", state: "stale" },
        { instance: "again", state: "depends", dependsOn: ["double"] },
      ],
      events: ["plan", "started", "ran", "started", "ran", "summary"],
      summary: { ran: 2, failed: 0 },
      after: [
        { instance: "double", state: "fresh" },
        { instance: "again", state: "fresh" },
      ],
      problem: false,
    });
    expect(workspace.read("artifacts/again.txt")).toBe("4242");
    // The command line sees the same cache.
    expect((await workspace.run("run", "--json")).summary).toMatchObject({ fresh: 2 });
  });

  it("tells what is wrong as values", async () => {
    const workspace = workspaceWithout();
    const answer = await node(
      workspace,
      `const unknown = await run({ workspace, targets: ["duoble"] });
    const set = await status({ workspace, set: ["m=1"] });
    const nowhere = await status({ workspace: workspace + "/nowhere" });
    return [unknown, set, nowhere].map((one) => [isProblem(one), one.reason, one.message, one.remedy, one.diagnostics?.length]);`,
    );
    expect(answer).toEqual([
      [true, "unknown-target", "there is no stage, instance or out `duoble`", "did you mean `double`?", null],
      [true, "invalid-pipeline", expect.stringContaining("`params.m`"), expect.any(String), 1],
      [true, "invalid-pipeline", expect.stringContaining("there is no pipeline.yaml"), expect.any(String), 1],
    ]);
  });

  it("is stopped by a signal", async () => {
    const workspace = workspaceWithout();
    workspace.write(
      "pipeline.yaml",
      'version: 1\nstages: { slow: { cmd: "echo up; sleep 600", outs: { o: o.txt } } }\n',
    );
    const answer = await node(
      workspace,
      `const stop = new AbortController();
    return run({ workspace, signal: stop.signal, onEvent: (event) => event.type === "output" && stop.abort() });`,
    );
    expect(answer).toMatchObject({ ran: 0, failed: 0, skipped: 1 });
  });

  it("has types for those who import it", async () => {
    expect(declared).toBeTypeOf("function");
    const workspace = workspaceWithout();
    workspace.write(
      "use.ts",
      `import { isProblem, run, status, type Event } from "gd-instabilities/engine";
const seen: Event[] = [];
const summary = await run({ workspace: "/", onEvent: (event) => void seen.push(event) });
if (!isProblem(summary)) summary.ran.toFixed();
const assessments = await status({ workspace: "/" });
if (!isProblem(assessments)) for (const { state } of assessments) state satisfies "fresh" | "restorable" | "stale" | "depends";
// @ts-expect-error: jobs is a number
await run({ workspace: "/", jobs: "2" });
`,
    );
    const tsc = join(repository, "node_modules", "typescript", "bin", "tsc");
    const flags = ["--noEmit", "--strict", "--target", "es2023", "--module", "nodenext", "--types", "", "use.ts"];
    const { stdout } = await promisify(execFile)(process.execPath, [tsc, ...flags], { cwd: workspace.root }).catch(
      (error: { stdout: string }) => error,
    );
    expect(stdout).toBe("");
  });
});
