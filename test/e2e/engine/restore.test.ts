import { execFileSync, spawnSync } from "node:child_process";
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
} from "node:fs";
import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, it, onTestFinished } from "vitest";
import { digestOf } from "../../../src/engine/plan/digest.ts";
import { makeWorkspace, type Workspace } from "../../rig/workspace.ts";
import { named } from "./study.ts";

const SMALL = 24;
/** Of several chunks each. */
const LARGE = 3_000_000;

/** Small outs, large ones and a folder of both; each execution is counted. */
function study(): Workspace {
  const workspace = makeWorkspace();
  const counted = (label: string, command: string): string =>
    JSON.stringify(`${workspace.counting(label)}; ${command}`);
  workspace.write(
    "pipeline.yaml",
    `version: 1
stages:
  small:
    matrix: { i: { range: { from: 1, to: ${SMALL}, step: 1 } } }
    cmd: ${counted("small", "seq 1 ${i} > ${outs.x}")}
    outs: { x: "small/\${i}.txt" }
  large:
    matrix: { i: [1, 2, 3] }
    cmd: ${counted("large", `head -c ${LARGE} /dev/zero | tr '\\0' \${i} > \${outs.x}`)}
    outs: { x: "large/\${i}.bin" }
  folder:
    cmd: ${counted("folder", "mkdir ${outs.d}/in; cp ${deps.large} ${outs.d}/in; echo 1 > ${outs.d}/one.txt; chmod +x ${outs.d}/one.txt")}
    deps: { large: large.x }
    outs: { d: { path: folder, kind: directory } }
`,
  );
  return workspace;
}

const INSTANCES = SMALL + 4;

/** Every file with its digest and whether it may be executed. */
function contents(workspace: Workspace): Record<string, string> {
  return Object.fromEntries(
    workspace.list("artifacts").map((file) => {
      const path = workspace.path(file);
      return [file, `${digestOf(readFileSync(path))} ${(statSync(path).mode & 0o100) !== 0}`];
    }),
  );
}

function blobOf(workspace: Workspace, artifact: string): string {
  const digest = digestOf(readFileSync(workspace.path(artifact)));
  return workspace.path(`.pipeline/cas/sha256/${digest.slice(0, 2)}/${digest}`);
}

describe("a restore", () => {
  it("that is killed at any moment leaves nothing that is taken for a result", async () => {
    const workspace = study();
    expect((await workspace.run("run", "--json")).summary).toMatchObject({ ran: INSTANCES });
    const [expected, executions] = [contents(workspace), workspace.count()];
    let kills = 0;
    const marks = ["small/1.txt", "small/12.txt", `small/${SMALL}.txt`, "large/1.bin", "large/3.bin", "folder"];
    for (const mark of marks) {
      workspace.remove("artifacts");
      const running = workspace.start({}, "run", "--json");
      const ended = running.ended.then(() => true);
      // As soon as this one is there: no clock decides.
      while (!workspace.exists(`artifacts/${mark}`) && !(await Promise.race([ended, turn(false)])));
      running.kill("SIGKILL");
      if ((await running.ended).signal === "SIGKILL") kills++;
      const { code, summary } = await workspace.run("run", "--json");
      expect(code).toBe(0);
      expect(summary).toMatchObject({ ran: 0, failed: 0 });
      expect(contents(workspace), `killed at ${mark}`).toEqual(expected);
    }
    expect(kills).toBeGreaterThan(0);
    expect(workspace.count()).toBe(executions);
    expect(workspace.list(".pipeline/tmp")).toEqual([]);
  });

  it("notices the beginning of a file, whether large or small, that a kill has left", async () => {
    const workspace = study();
    await workspace.run("run");
    const expected = contents(workspace);
    for (const [artifact, bytes] of [
      ["small/20.txt", 0],
      ["small/20.txt", 7],
      ["large/2.bin", 1 << 20],
    ] as const) {
      const path = workspace.path(`artifacts/${artifact}`);
      const { mtime } = statSync(path);
      truncateSync(path, bytes);
      utimesSync(path, mtime, mtime);
      const { summary } = await workspace.run("run", "--json");
      expect(summary).toMatchObject({ restored: 1, ran: 0, fresh: INSTANCES - 1 });
      expect(contents(workspace)).toEqual(expected);
    }
  });

  it("puts an out in the place of whatever is there, and writes through no link", async () => {
    const workspace = study();
    await workspace.run("run");
    const expected = contents(workspace);
    workspace.write("outside.txt", "mine\n");
    const obstacles: Record<string, (path: string) => void> = {
      "a file": (path) => workspace.write(path, "another\n"),
      "a folder": (path) => mkdirSync(workspace.path(path)),
      "a folder with files": (path) => workspace.write(`${path}/in/file.txt`, "x"),
      "a link to a file": (path) => symlinkSync(workspace.path("outside.txt"), workspace.path(path)),
      "a link to nothing": (path) => symlinkSync(workspace.path("nothing"), workspace.path(path)),
    };
    for (const artifact of ["artifacts/small/5.txt", "artifacts/large/1.bin"]) {
      for (const [what, put] of Object.entries(obstacles)) {
        workspace.remove(artifact);
        put(artifact);
        const { summary } = await workspace.run("run", "--json");
        expect(summary, what).toMatchObject({ restored: 1, ran: 0, fresh: INSTANCES - 1 });
        expect(lstatSync(workspace.path(artifact)).isFile(), what).toBe(true);
        expect(contents(workspace), what).toEqual(expected);
      }
    }
    expect(workspace.read("outside.txt")).toBe("mine\n");
    expect(workspace.exists("nothing")).toBe(false);
    expect((await workspace.run("run", "--json")).summary).toMatchObject({ fresh: INSTANCES });
  });

  it("of several large outs at once finds the damaged one, and only that one is made again", async () => {
    for (const sealed of [true, false]) {
      const workspace = study();
      await workspace.run("run");
      const expected = contents(workspace);
      const blob = blobOf(workspace, "artifacts/large/2.bin");
      const bytes = readFileSync(blob);
      bytes[LARGE - 1]! ^= 1;
      chmodSync(blob, 0o644);
      workspace.write(blob.slice(workspace.root.length + 1), bytes);
      workspace.remove("artifacts");
      if (!sealed) workspace.remove(".pipeline/index/seals.json");
      const { events, summary } = await workspace.run("run", "--json");
      expect(named(events, "ran")).toEqual(["large@i=2"]);
      expect(summary).toMatchObject({ ran: 1, restored: INSTANCES - 1, failed: 0 });
      expect(events).toContainEqual({
        type: "warning",
        message: "the cached artifacts/large/2.bin of large@i=2 is corrupted: it is made again",
      });
      expect(workspace.list(".pipeline/quarantine")).toHaveLength(1);
      expect(contents(workspace)).toEqual(expected);
    }
  });

  it("marks the record as of use, so that collecting by age spares it", async () => {
    const workspace = study();
    await workspace.run("run");
    const records = workspace.list(".pipeline/actions").map((file) => workspace.path(file));
    const old = new Date("2020-01-01");
    for (const record of records) utimesSync(record, old, old);
    workspace.remove("artifacts");
    await workspace.run("run");
    for (const record of records) expect(statSync(record).mtime.getFullYear()).toBeGreaterThan(2020);
  });

  const mountable =
    process.platform === "linux" && process.getuid?.() === 0 && spawnSync("mount", ["--version"]).status === 0;
  it.skipIf(!mountable)(
    "onto a full disk is a sentence, leaves no part of a file, and goes on once there is space (needs root, to mount a small one)",
    async ({ skip }) => {
      const workspace = study();
      await workspace.run("run");
      const expected = contents(workspace);
      workspace.remove("artifacts");
      const disk = workspace.path("artifacts");
      mkdirSync(disk);
      if (spawnSync("mount", ["-t", "tmpfs", "-o", "size=100k", "none", disk]).status !== 0)
        skip("mounting is not allowed here");
      onTestFinished(() => void execFileSync("umount", [disk]));
      const { code, events } = await workspace.run("run", "--json", "--keep-going");
      expect(code).toBe(1);
      const failures = events.flatMap((event) => (event.type === "failed" ? [event.failure.reason] : []));
      expect(new Set(failures)).toEqual(new Set(["disk-full"]));
      for (const [file, content] of Object.entries(contents(workspace))) expect(content).toBe(expected[file]);
      execFileSync("mount", ["-o", "remount,size=50m", disk]);
      expect((await workspace.run("run", "--json")).summary).toMatchObject({ ran: 0, failed: 0 });
      expect(contents(workspace)).toEqual(expected);
    },
  );
});
