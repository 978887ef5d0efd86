import { execFileSync } from "node:child_process";
import { existsSync, watch } from "node:fs";
import { dirname } from "node:path";
import { describe, expect, it } from "vitest";
import { makeWorkspace, stageModule, type Workspace } from "../../rig/workspace.ts";
import { named } from "./study.ts";

/** Resolves when the file exists. */
function appearance(file: string): Promise<void> {
  return new Promise((fulfil) => {
    const watcher = watch(dirname(file), () => {
      if (existsSync(file)) done();
    });
    const done = (): void => {
      watcher.close();
      fulfil();
    };
    if (existsSync(file)) done();
  });
}

/** `slow` says that it has started, then waits for someone to make the file `go`; `fast` hangs on it. */
function gated(): Workspace {
  const workspace = makeWorkspace();
  const [started, go] = [workspace.path("started"), workspace.path("go")];
  workspace.write(
    "pipeline.yaml",
    `version: 1
stages:
  first: { cmd: ${JSON.stringify(`${workspace.counting("first")}; echo 1 > \${outs.x}`)}, outs: { x: first.txt } }
  slow:
    cmd: ${JSON.stringify(`${workspace.counting("slow")}; echo half > \${outs.x}; touch '${started}'; until [ -e '${go}' ]; do sleep 0.02; done; cat \${deps.x} > \${outs.x}`)}
    deps: { x: first.x }
    outs: { x: slow.txt }
  fast: { cmd: ${JSON.stringify(`${workspace.counting("fast")}; cat \${deps.x} > \${outs.x}`)}, deps: { x: slow.x }, outs: { x: fast.txt } }
`,
  );
  return workspace;
}

describe("two runs at once in one workspace", () => {
  it("run each action once: the second waits and finds the result", async () => {
    const workspace = gated();
    const one = workspace.start({}, "run", "--json");
    await appearance(workspace.path("started"));
    const two = workspace.start({}, "run", "--json");
    await two.printed(/slow is being run by process \d+; waiting/);
    workspace.write("go", "");
    const [first, second] = await Promise.all([one.ended, two.ended]);
    expect([first.code, second.code]).toEqual([0, 0]);
    expect(workspace.counted()).toEqual(["first", "slow", "fast"]);
    expect(first.summary!.ran + second.summary!.ran).toBe(3);
    expect(workspace.read("artifacts/fast.txt")).toBe("1\n");
    expect(workspace.list(".pipeline/locks")).toEqual([]);
  });

  it("that start at the same moment on many instances never do one twice", async () => {
    const workspace = makeWorkspace();
    workspace.write(
      "pipeline.yaml",
      `version: 1
params: { n: { range: { from: 0, to: 11, step: 1 } } }
stages:
  one:
    matrix: { i: "\${params.n}" }
    cmd: ${JSON.stringify(`${workspace.counting("one ${i}")}; echo \${i} > \${outs.x}`)}
    outs: { x: "one/\${i}.txt" }
  all: { cmd: ${JSON.stringify(`${workspace.counting("all")}; cat \${deps.x} > \${outs.x}`)}, deps: { x: one.x }, outs: { x: all.txt } }
`,
    );
    const runs = await Promise.all([1, 2, 3].map(() => workspace.run("run", "--json", "--jobs", "2")));
    expect(runs.map(({ code }) => code)).toEqual([0, 0, 0]);
    expect(new Set(workspace.counted()).size).toBe(13);
    expect(workspace.counted()).toHaveLength(13);
    expect((await workspace.run("run", "--json")).summary).toMatchObject({ fresh: 13 });
  });

  it("take over from one that was killed", async () => {
    const workspace = gated();
    const one = workspace.start({}, "run", "--json");
    await appearance(workspace.path("started"));
    const two = workspace.start({}, "run", "--json");
    await two.printed(/waiting/);
    one.kill("SIGKILL");
    workspace.write("go", "");
    const { summary, code } = await two.ended;
    expect(code).toBe(0);
    expect(summary).toMatchObject({ ran: 2, fresh: 1 });
    expect(workspace.counted()).toEqual(["first", "slow", "slow", "fast"]);
  });
});

describe("SIGKILL in the middle of an action", () => {
  it("loses that action and nothing else; its half-written out is never seen", async () => {
    const workspace = gated();
    const killed = workspace.start({}, "run", "--json");
    await appearance(workspace.path("started"));
    killed.kill("SIGKILL");
    await killed.ended;
    expect(workspace.exists("artifacts/slow.txt")).toBe(false);
    expect(workspace.list(".pipeline/locks")).toHaveLength(1);
    workspace.write("go", "");
    const { summary, events } = await workspace.run("run", "--json");
    expect(named(events, "fresh")).toEqual(["first"]);
    expect(summary).toMatchObject({ ran: 2, fresh: 1 });
    expect(workspace.list(".pipeline/locks")).toEqual([]);
    expect(workspace.list(".pipeline/tmp")).toEqual([]);
  });
});

describe("Ctrl-C", () => {
  it("stops the children, says what was not done, and exits with 130", async () => {
    const workspace = gated();
    const running = workspace.start({}, "run", "--json");
    await appearance(workspace.path("started"));
    running.kill("SIGINT");
    const { code, summary, events } = await running.ended;
    expect(code).toBe(130);
    expect(summary).toMatchObject({ ran: 1, skipped: 2, failed: 0 });
    const skipped = events
      .filter((event) => event.type === "skipped")
      .map(({ instance, because }) => `${instance}: ${because}`);
    expect(skipped.sort()).toEqual(["fast: interrupted", "slow: interrupted"]);
    expect(workspace.list(".pipeline/locks")).toEqual([]);
    expect(workspace.exists("artifacts/slow.txt")).toBe(false);
    // Nobody is left waiting for `go`.
    expect(processesNaming(workspace.path("go"))).toBe(0);
    workspace.write("go", "");
    expect((await workspace.run("run", "--json")).summary).toMatchObject({ ran: 2, fresh: 1 });
  });

  it("ends a run: stage as well", async () => {
    const workspace = makeWorkspace({
      "pipeline.yaml": "version: 1\nstages:\n  s:\n    run: stages/s.ts\n    outs: { x: x.txt }\n",
      "stages/s.ts": stageModule('context.log("here"); await new Promise((f) => setTimeout(f, 600_000));'),
    });
    const running = workspace.start({}, "run", "--json");
    await running.printed(/"line":"here"/);
    running.kill("SIGINT");
    expect(await running.ended).toMatchObject({ code: 130, summary: { skipped: 1 } });
  });
});

describe("a dep that is edited while an action reads it", () => {
  it("makes the result void", async () => {
    const workspace = makeWorkspace({ "input.txt": "old\n" });
    const [started, go] = [workspace.path("started"), workspace.path("go")];
    workspace.write(
      "pipeline.yaml",
      `version: 1
stages:
  s:
    cmd: ${JSON.stringify(`touch '${started}'; until [ -e '${go}' ]; do sleep 0.02; done; cat \${deps.x} > \${outs.x}`)}
    deps: { x: { files: input.txt } }
    outs: { x: x.txt }
`,
    );
    const running = workspace.start({}, "run", "--json");
    await appearance(started);
    workspace.write("input.txt", "new\n");
    workspace.write("go", "");
    const { code, events } = await running.ended;
    expect(code).toBe(1);
    expect(events).toContainEqual(
      expect.objectContaining({ type: "failed", failure: expect.objectContaining({ reason: "input-changed" }) }),
    );
    expect((await workspace.run("run", "--json")).summary).toMatchObject({ ran: 1 });
    workspace.write("input.txt", "old\n");
    // Nothing was recorded for the old content.
    expect((await workspace.run("run", "--json")).summary).toMatchObject({ ran: 1 });
    expect(workspace.read("artifacts/x.txt")).toBe("old\n");
  });

  it("before it starts is noticed, and the new content is what its key says", async () => {
    const workspace = gated();
    workspace.write(
      "pipeline.yaml",
      `${workspace.read("pipeline.yaml")}  last: { cmd: "cat \${deps.y} > \${outs.x}", deps: { x: slow.x, y: { files: late.txt } }, outs: { x: last.txt } }\n`,
    );
    workspace.write("late.txt", "old\n");
    const running = workspace.start({}, "run", "--json");
    await appearance(workspace.path("started"));
    workspace.write("late.txt", "new\n");
    workspace.write("go", "");
    expect((await running.ended).code).toBe(0);
    expect(workspace.read("artifacts/last.txt")).toBe("new\n");
    expect((await workspace.run("run", "--json")).summary).toMatchObject({ fresh: 4 });
    workspace.write("late.txt", "old\n");
    expect((await workspace.run("run", "--json")).summary).toMatchObject({ ran: 1 });
    expect(workspace.read("artifacts/last.txt")).toBe("old\n");
  });
});

function processesNaming(text: string): number {
  const listing = execFileSync("ps", ["-A", "-ww", "-o", "args="], { encoding: "utf8" });
  return listing.split("\n").filter((line) => line.includes(text) && !line.includes("ps -A")).length;
}
