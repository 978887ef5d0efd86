import { stat } from "node:fs/promises";
import { join } from "node:path";

/** Folders that are never a stage's input: packages are keyed by version, outs are deps by name, the rest is the tools' own. */
const IGNORED = ["**/node_modules/**", "**/.git/**", ".pipeline/**"];

export interface FileRoot {
  readonly workspace: string;
  /** The folder of all outs, workspace-relative. */
  readonly artifacts?: string | undefined;
}

/** Whether a pattern is more than one file's name, as fast-glob sees it. */
export function hasMagic(pattern: string): boolean {
  return /[*?{}()[\]!\\]|[@+]\(/.test(pattern);
}

/**
 * The workspace's files that the patterns of a `{ files: … }` dep match: workspace-relative with `/`, sorted by code
 * unit, without duplicates. A pattern starting with `!` takes files away again. Outs are never among them.
 */
export async function expandFiles(root: FileRoot, patterns: readonly string[]): Promise<string[]> {
  // Plain names need one stat each; only real patterns are worth loading fast-glob for.
  if (!patterns.some(hasMagic)) {
    const found = await Promise.all(patterns.map((pattern) => isFile(join(root.workspace, pattern))));
    return [...new Set(patterns.filter((_, index) => found[index]))].sort(byCodeUnit);
  }
  const { glob } = (await import("fast-glob")).default;
  const files = await glob([...patterns], {
    cwd: root.workspace,
    ignore: root.artifacts === undefined ? IGNORED : [...IGNORED, `${root.artifacts}/**`],
    dot: true,
    onlyFiles: true,
    followSymbolicLinks: true,
  });
  return [...new Set(files)].sort(byCodeUnit);
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}

function byCodeUnit(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
