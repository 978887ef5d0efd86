import { symlinkSync, utimesSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { isStillSo, openSightings } from "../../../src/engine/files/sightings.ts";
import { fileStamp } from "../../../src/engine/system/stamp.ts";
import { makeWorkspace, type Workspace } from "../../rig/workspace.ts";

/** Files and folders that were written long ago. */
function makeOld(files: Readonly<Record<string, string>>): Workspace {
  const workspace = makeWorkspace(files);
  const folders = new Set(
    Object.keys(files).flatMap((path) => path.split("/").map((_, i, parts) => parts.slice(0, i).join("/"))),
  );
  for (const path of [...Object.keys(files), ...folders]) utimesSync(workspace.path(path), 1e9, 1e9 + 0.5);
  return workspace;
}

const FILES = { "a.txt": "a", "in/b.txt": "b", "in/deep/c.txt": "c" };
const none = (): boolean => false;

describe("what was seen", () => {
  it("would be seen again while nothing happens to it", () => {
    const workspace = makeOld(FILES);
    const sightings = openSightings(workspace.root);
    sightings.willRead("a.txt");
    sightings.willRead(workspace.path("in/b.txt"));
    sightings.file("in/deep/c.txt", fileStamp(workspace.path("in/deep/c.txt")));
    sightings.willRead("absent.txt");
    sightings.willList("absent");
    sightings.willWalk("in", none);
    sightings.variable("A", "1");
    sightings.variable("B", undefined);
    const seen = sightings.all()!;
    expect(seen.files.map(([path, stamp]) => [path, stamp === ""])).toEqual([
      ["a.txt", false],
      [workspace.path("in/b.txt"), false],
      ["in/deep/c.txt", false],
      ["absent.txt", true],
    ]);
    expect(seen.folders.map(([path]) => path)).toEqual(["absent", "in", "in/deep"]);
    expect(isStillSo(seen, workspace.root, { A: "1" })).toBe(true);
    expect(isStillSo(seen, workspace.root, { A: "2" })).toBe(false);
    expect(isStillSo(seen, workspace.root, { A: "1", B: "" })).toBe(false);
    const changes: readonly ((at: Workspace) => void)[] = [
      (at) => at.write("a.txt", "b"),
      (at) => at.remove("in/b.txt"),
      (at) => at.write("in/deep/d.txt", ""),
      (at) => at.write("in/new/d.txt", ""),
      (at) => at.write("absent.txt", ""),
      (at) => at.write("absent/d.txt", ""),
    ];
    for (const change of changes) {
      const other = makeOld(FILES);
      const again = openSightings(other.root);
      for (const path of ["a.txt", "in/b.txt", "absent.txt"]) again.willRead(path);
      again.willList("absent");
      again.willWalk("in", none);
      const all = again.all()!;
      expect(isStillSo(all, other.root, {})).toBe(true);
      change(other);
      expect(isStillSo(all, other.root, {}), String(change)).toBe(false);
    }
  });

  it("is doubtful where a file or a folder was written at about the time of the look", () => {
    const workspace = makeOld(FILES);
    const soon = Date.now() / 1000 + 60;
    for (const path of ["a.txt", "in"]) {
      utimesSync(workspace.path(path), soon, soon);
      const sightings = openSightings(workspace.root);
      if (path === "in") sightings.willList(path);
      else sightings.willRead(path);
      expect(sightings.all(), path).toBeUndefined();
    }
  });

  it("is doubtful where it changed from one look to the next, and where links lead out of a walk", () => {
    const workspace = makeOld(FILES);
    const changing = openSightings(workspace.root);
    changing.file("a.txt", "1:1:1:1");
    expect(changing.all()).toBeDefined();
    changing.file("a.txt", "1:2:2:1");
    expect(changing.all()).toBeUndefined();

    symlinkSync("deep", workspace.path("in/link"));
    utimesSync(workspace.path("in"), 1e9, 1e9 + 0.5);
    const walking = openSightings(workspace.root);
    walking.willWalk("in", (path) => path === "in/link");
    expect(walking.all()).toBeDefined();
    walking.willWalk("", none);
    expect(walking.all()).toBeUndefined();
  });
});
