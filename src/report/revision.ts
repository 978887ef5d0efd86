import { execFileSync } from "node:child_process";

/** What git says, or `undefined` where it says no: no repository, no git, no such revision or file. */
export function git(workspace: string, ...words: readonly string[]): string | undefined {
  try {
    return execFileSync("git", ["-C", workspace, ...words], {
      encoding: "utf8",
      maxBuffer: 1 << 28,
      stdio: ["ignore", "pipe", "ignore"],
    });
  } catch {
    return undefined;
  }
}

/** Why there is no such revision: what is wrong, and the way out; `remedy` where it is its name. */
export function explainUnknown(workspace: string, name: string, remedy: string): readonly [string, string] {
  if (git(workspace, "--version") === undefined)
    return ["git is not on the PATH, which knows what a revision recorded", "install git"];
  if (git(workspace, "rev-parse", "--git-dir") === undefined)
    return [
      `git finds no repository in ${workspace}`,
      "results of a revision are compared in a clone of its repository",
    ];
  return [`git knows no revision \`${name}\` here`, remedy];
}

/** `4b50661`, with `+` where tracked files differ from it. */
export function revisionOf(workspace: string): string | undefined {
  const head = git(workspace, "rev-parse", "--short", "HEAD")?.trim();
  if (head === undefined || head === "") return undefined;
  return git(workspace, "status", "--porcelain", "--untracked-files=no")?.trim() === "" ? head : `${head}+`;
}
