import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import type { Workspace } from "../../rig/workspace.ts";
import { makeStudy } from "./study.ts";

/** Whether a folder can be made read-only here: root may write anywhere else. */
const mountable = ((): boolean => {
  const folder = mkdtempSync(join(tmpdir(), "mount-"));
  const made = spawnSync("mount", ["--bind", folder, folder]).status === 0;
  if (made) spawnSync("umount", [folder]);
  rmSync(folder, { recursive: true });
  return made;
})();
if (!mountable) console.log("mounting is not allowed here: the tests of read-only folders are skipped");

function makeReadOnly(workspace: Workspace, folder: string): void {
  const path = workspace.path(folder);
  execFileSync("mount", ["--bind", path, path]);
  onTestFinished(() => void spawnSync("umount", [path]));
  execFileSync("mount", ["-o", "remount,ro,bind", path]);
}

describe.skipIf(!mountable)("a read-only cache", () => {
  it("serves everything that has nothing to write, and the rest is a sentence and exit code 2", async () => {
    const study = makeStudy();
    await study.run("run");
    makeReadOnly(study, ".pipeline");
    for (const args of [
      ["run"],
      ["status"],
      ["why", "table"],
      ["verify"],
      ["cache", "check"],
      ["log", "table"],
      ["gc"],
    ]) {
      expect({ args, ...(await study.run(...args)) }).toMatchObject({ args, code: 0, stderr: "" });
    }
    for (const args of [
      ["run", "--set", "etas=[1]"],
      ["run", "--force"],
      ["verify", "--rerun"],
    ]) {
      const { code, stdout, stderr } = await study.run(...args);
      expect(code).toBe(2);
      expect(stderr).toMatch(
        /^not writable {2}permission denied while writing to \.pipeline .*; everything that was finished is kept$/m,
      );
      expect(stdout + stderr).not.toContain("    at ");
    }
  });

  it("does not keep damage from being told, and says that it could not be moved", async () => {
    const study = makeStudy();
    await study.run("run");
    const [blob] = study.list(".pipeline/cas") as [string];
    study.remove(blob);
    study.write(blob, "damaged");
    makeReadOnly(study, ".pipeline");
    const { code, stdout } = await study.run("cache", "check");
    expect(code).toBe(1);
    expect(stdout).toMatch(/^corrupted blob {2}.*; it could not be moved to \.pipeline\/quarantine: EROFS/m);
  });
});

describe.skipIf(!mountable)("read-only artifacts", () => {
  it("fail what would be written there with a sentence, and nothing that ran is lost", async () => {
    const study = makeStudy();
    study.write("artifacts/README.md", "");
    makeReadOnly(study, "artifacts");
    const { code, events } = await study.run("run", "--json", "data");
    expect(code).toBe(1);
    expect(events).toContainEqual(
      expect.objectContaining({ type: "failed", failure: expect.objectContaining({ reason: "not-writable" }) }),
    );
    execFileSync("umount", [study.path("artifacts")]);
    // It had been computed: now it is only put in place.
    expect((await study.run("run", "--json", "data")).summary).toMatchObject({ restored: 1, ran: 0 });
  });
});
