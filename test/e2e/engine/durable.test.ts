import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { makeWorkspace, repository, type Workspace } from "../../rig/workspace.ts";

const strace = spawnSync("strace", ["-qq", "-e", "trace=open", "-o", "/dev/null", "true"]).status === 0;
if (!strace) console.log("strace is absent or may not trace here: the tests that need it are skipped");

/** Runs under strace; the paths below .pipeline that were written through (`sync`) or renamed to, in order. */
function traced(workspace: Workspace, env: Readonly<Record<string, string>>): string[] {
  const log = join(workspace.root, "..", "strace.txt");
  const options = ["-f", "-qq", "-y", "-s", "4096", "-e", "trace=fsync,rename", "-o", log];
  const { status } = spawnSync("strace", [...options, process.execPath, join(repository, "bin/pipeline.js"), "run"], {
    cwd: workspace.root,
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env },
  });
  expect(status).toBe(0);
  return readFileSync(log, "utf8")
    .split("\n")
    .flatMap((line) => {
      const synced = /fsync\(\d+<(.*?)>/.exec(line)?.[1];
      const renamed = /rename\(".*?", "(.*?)"/.exec(line)?.[1];
      const path = (synced ?? renamed)?.split("/.pipeline/")[1];
      return path === undefined ? [] : [`${synced === undefined ? "rename" : "sync"} ${path}`];
    });
}

function study(): Workspace {
  return makeWorkspace({
    "pipeline.yaml": `version: 1
stages:
  a: { cmd: "echo 1 > \${outs.o}; echo 2 > \${outs.d}/x; echo half > $PIPELINE_RESUME/h", resume: true, outs: { o: o, d: { path: d, kind: directory } } }
`,
  });
}

describe("a result that took long to make", () => {
  it.skipIf(!strace)("is on the disk, blobs, record and folders, before it counts as done", () => {
    const workspace = study();
    const steps = traced(workspace, { PIPELINE_SYNC_AFTER: "0" });
    const blobs = workspace.list(".pipeline/cas").map((file) => file.replace(".pipeline/", ""));
    const [record] = workspace.list(".pipeline/actions").map((file) => file.replace(".pipeline/", ""));
    // A file, a tree and its file.
    expect(blobs).toHaveLength(3);
    for (const file of [...blobs, record!]) {
      expect(steps.indexOf(`rename ${file}`)).toBeGreaterThanOrEqual(0);
      expect(steps.indexOf(`sync ${file}`)).toBeGreaterThan(steps.indexOf(`rename ${file}`));
      expect(steps).toContain(`sync ${file.slice(0, file.lastIndexOf("/"))}`);
    }
    expect(workspace.list(".pipeline/resume")).toEqual([]);
  });

  it.skipIf(!strace)("and no other is waited for", () => {
    expect(traced(study(), {}).filter((step) => step.startsWith("sync "))).toEqual([]);
  });
});
