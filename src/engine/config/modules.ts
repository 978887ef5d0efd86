import { readdirSync, statSync } from "node:fs";
import { dirname, join, posix } from "node:path";
import { explainIo } from "../system/io-error.ts";
import { suggest } from "../system/suggest.ts";
import { cleanPath } from "./declared.ts";
import type { Evaluator } from "./evaluator.ts";
import type { Path } from "./source.ts";

const MODULE = /\.[cm]?[jt]sx?$/;

/** Whether a module of the workspace exists; reports it when not. */
export function checkModule(file: string, path: Path, workspace: string, { tree, report }: Evaluator): boolean {
  if (file === "") return false; // The schema has said so.
  const place = tree.valueAt(path);
  const normal = cleanPath(file);
  if (posix.isAbsolute(normal) || normal.split("/").includes("..")) {
    report.error(
      "escaping-module",
      place,
      `\`${file}\` is not in the workspace`,
      "give a path relative to pipeline.yaml",
    );
    return false;
  }
  if (file.includes("${")) {
    report.error(
      "misplaced-expression",
      place,
      "a module's path is written out",
      "hand what differs to it under `params:`",
    );
    return false;
  }
  try {
    if (statSync(join(workspace, normal), { throwIfNoEntry: false })?.isFile()) {
      if (MODULE.test(normal)) return true;
      // Bundled, any other file would be text, or fail at the run.
      const remedy = "a module ends with .ts, .js, .mjs or the like; other programs are `cmd:` stages";
      report.error("not-a-module", place, `\`${normal}\` is no module`, remedy);
      return false;
    }
  } catch (error) {
    const problem = explainIo(error, "looking for it");
    if (problem === undefined) throw error;
    report.error("unreadable-module", place, problem.message, problem.remedy);
    return false;
  }
  report.error("missing-module", place, `there is no file \`${normal}\``, suggestFile(normal, workspace));
  return false;
}

function suggestFile(file: string, workspace: string): string {
  const folder = dirname(file);
  let siblings: string[];
  try {
    siblings = readdirSync(join(workspace, folder));
  } catch {
    return `there is no folder \`${folder}\` either; paths are relative to pipeline.yaml`;
  }
  const known = siblings.filter((name) => MODULE.test(name)).map((name) => posix.join(folder, name));
  return suggest(file, known, "modules");
}
