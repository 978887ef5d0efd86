import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { describe, expect, it, onTestFinished } from "vitest";
import { digestOf } from "../../../src/engine/plan/digest.ts";
import { makeWorkspace, stageModule, type Workspace } from "../../rig/workspace.ts";

const WIDTH = 8;

/** Two layers of instances and a table: quick actions, so that a kill may hit any moment of their lives. */
function graph(): Workspace {
  const workspace = makeWorkspace();
  workspace.write(
    "pipeline.yaml",
    `version: 1
params: { n: { range: { from: 1, to: ${WIDTH}, step: 1 } } }
stages:
  one:
    matrix: { i: "\${params.n}" }
    cmd: ${JSON.stringify(`${workspace.counting("one ${i}")}; seq 1 \${i}000 > \${outs.x}`)}
    outs: { x: "one/\${i}.txt" }
  two:
    matrix: { of: one }
    cmd: ${JSON.stringify(`${workspace.counting("two ${i}")}; mkdir -p \${outs.d}/deep; cp \${deps.x} \${outs.d}/deep/x.txt; cp \${deps.x} \${outs.d}/y.txt`)}
    deps: { x: one.x }
    outs: { d: { path: "two/\${i}", kind: directory } }
  all:
    cmd: ${JSON.stringify(`${workspace.counting("all")}; cat \${deps.d}/deep/x.txt > \${outs.x} || for d in \${deps.d}; do cat $d/y.txt; done > \${outs.x}`)}
    deps: { d: two.d }
    outs: { x: all.txt }
`,
  );
  return workspace;
}

/** Every file below the folder with its digest. */
function contents(workspace: Workspace, folder: string): Record<string, string> {
  return Object.fromEntries(workspace.list(folder).map((file) => [file, digestOf(readFileSync(workspace.path(file)))]));
}

describe("kill -9 at random instants", () => {
  it("never gives a wrong artifact, never loses what was finished, never leaves a stuck lock", async () => {
    const clean = graph();
    await clean.run("run");
    const expected = contents(clean, "artifacts");
    const workspace = graph();
    const finished = new Set<string>();
    let kills = 0;
    for (let round = 1; round <= 15; round++) {
      // After another line of output each time: no clock decides.
      const running = workspace.start({}, "run", "--json", "--jobs", "3");
      const lines = 1 + ((round * 7) % 23);
      await running.printed(new RegExp(`(?:.*\\n){${lines}}`)).catch(() => undefined);
      running.kill("SIGKILL");
      const { events, signal } = await running.ended;
      if (signal === "SIGKILL") kills++;
      // What was told to be finished is not done again.
      for (const event of events) {
        if (event.type === "started") expect(finished.has(event.instance), event.instance).toBe(false);
        if (event.type === "ran" || event.type === "fresh") finished.add(event.instance);
      }
      for (const file of workspace.list(".pipeline/cas")) {
        expect(digestOf(readFileSync(workspace.path(file)))).toBe(file.slice(file.lastIndexOf("/") + 1));
      }
    }
    expect(kills).toBeGreaterThan(2);
    const { code, summary } = await workspace.run("run", "--json");
    expect(code).toBe(0);
    expect(summary!.ran + summary!.fresh + summary!.restored).toBe(2 * WIDTH + 1);
    expect(contents(workspace, "artifacts")).toEqual(expected);
    expect((await workspace.run("run", "--json")).summary).toMatchObject({ fresh: 2 * WIDTH + 1 });
    expect(workspace.list(".pipeline/locks")).toEqual([]);
    expect(workspace.list(".pipeline/tmp")).toEqual([]);
  });
});

const mountable =
  process.platform === "linux" && process.getuid?.() === 0 && spawnSync("mount", ["--version"]).status === 0;

describe("a full disk", () => {
  it.skipIf(!mountable)(
    "is a sentence, loses nothing, and once there is space the rest is done (needs root, to mount a small one)",
    async ({ skip }) => {
      const workspace = makeWorkspace({
        "pipeline.yaml": `version: 1
stages:
  small: { cmd: "echo 1 > \${outs.x}", outs: { x: small.txt } }
  large: { cmd: "head -c 3000000 /dev/zero > \${outs.x}", deps: { s: small.x }, outs: { x: large.bin } }
  stage: { run: stage.ts, deps: { s: small.x }, outs: { x: stage.bin } }
`,
        "stage.ts": stageModule('writeFileSync(context.out("x"), new Uint8Array(3_000_000));'),
      });
      const disk = workspace.path(".pipeline");
      mkdirSync(disk);
      if (spawnSync("mount", ["-t", "tmpfs", "-o", "size=1500k", "none", disk]).status !== 0)
        skip("mounting is not allowed here");
      onTestFinished(() => void execFileSync("umount", [disk]));
      const first = await workspace.run("run", "--json", "--keep-going");
      expect(first.code).toBe(1);
      expect(first.summary).toMatchObject({ ran: 1, failed: 2 });
      const failures = first.events.flatMap((event) => (event.type === "failed" ? [event] : []));
      expect(failures.find(({ instance }) => instance === "stage")?.failure).toMatchObject({ reason: "disk-full" });
      expect(failures.find(({ instance }) => instance === "large")?.failure.output.join("\n")).toMatch(
        /No space left on device/,
      );
      execFileSync("mount", ["-o", "remount,size=50m", disk]);
      expect((await workspace.run("run", "--json")).summary).toMatchObject({ ran: 2, fresh: 1 });
      expect(existsSync(workspace.path("artifacts/large.bin"))).toBe(true);
    },
  );
});
