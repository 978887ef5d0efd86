import { symlinkSync } from "node:fs";
import fastGlob from "fast-glob";
import { describe, expect, it } from "vitest";
import { expandFiles } from "../../../src/engine/files/files.ts";
import { makeWorkspace } from "../../rig/workspace.ts";

const NAMES = [
  "data/a.csv",
  "data/b.csv",
  "data/.hidden.csv",
  "data/a.csv.gz",
  "data/Ä.csv",
  "data/deep/c.csv",
  "data/node_modules/x.csv",
  "data+more/a.csv",
  "other/a.csv",
  "top.csv",
  ".pipeline/a.csv",
  "artifacts/a.csv",
  "artifacts-not/a.csv",
];

describe("files of a dep", () => {
  it.each([
    [["data/*.csv"]],
    [["data/*"]],
    [["data/a*.csv*", "data/*.csv"]],
    [["data+more/*.csv"]],
    [["data/a.csv", "top.csv", "nowhere.csv"]],
    [["data/link*.csv"]],
    [["nowhere/*.csv"]],
    [["artifacts/*.csv"]],
    [["artifacts-not/*.csv"]],
    [[".pipeline/*.csv"]],
    [["data/node_modules/*.csv"]],
    [["data/**/*.csv"]],
    [["*.csv"]],
    [["data/?.csv"]],
    [["{data,other}/*.csv", "!data/b.csv"]],
    [["data/*.csv", "!data/b.csv"]],
  ])("%j are those that fast-glob finds", async (patterns) => {
    const workspace = makeWorkspace(Object.fromEntries(NAMES.map((name) => [name, ""])));
    symlinkSync("a.csv", workspace.path("data/link.csv"));
    symlinkSync("nothing", workspace.path("data/link-to-nothing.csv"));
    symlinkSync("deep", workspace.path("data/link-to-folder.csv"));
    const ignore = ["**/node_modules/**", "**/.git/**", ".pipeline/**", "artifacts/**"];
    const expected = await fastGlob(patterns, { cwd: workspace.root, ignore, dot: true });
    const found = await expandFiles({ workspace: workspace.root, artifacts: "artifacts" }, patterns);
    expect(found).toEqual(expected.sort((a, b) => (a < b ? -1 : 1)));
  });
});
