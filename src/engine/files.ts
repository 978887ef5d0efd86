import { type Dirent, readdirSync, statSync } from "node:fs";
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
  // Loading fast-glob takes longer than all the rest of a run in which nothing has changed: the patterns that nearly
  // every pipeline has, plain names and `folder/*.ext`, do without.
  const simple = patterns.map((pattern) => expandSimple(root, pattern));
  const files = simple.includes(undefined) ? await expandGlobs(root, patterns) : simple.flat();
  return files.length < 2 ? (files as string[]) : [...new Set(files as string[])].sort(byCodeUnit);
}

/** A name, or a folder's files by `*` in their names; `undefined` for any other pattern. */
function expandSimple(root: FileRoot, pattern: string): string[] | undefined {
  // Synchronous calls: a promise costs several times what the system takes to answer.
  if (!hasMagic(pattern)) return isFile(join(root.workspace, pattern)) ? [pattern] : [];
  const slash = pattern.lastIndexOf("/");
  const [folder, name] = [pattern.slice(0, Math.max(0, slash)), pattern.slice(slash + 1)];
  const segments = folder.split("/");
  const ignored = segments[0] === ".pipeline" || segments.some((one) => one === "node_modules" || one === ".git");
  const inArtifacts = root.artifacts !== undefined && `${folder}/`.startsWith(`${root.artifacts}/`);
  if (folder === "" || hasMagic(folder) || hasMagic(name.replaceAll("*", "")) || name.includes("**")) return undefined;
  return ignored || inArtifacts ? [] : filesIn(root.workspace, folder, name);
}

function filesIn(workspace: string, folder: string, name: string): string[] {
  const pattern = new RegExp(`^${name.replaceAll(/[.^$|+]/g, "\\$&").replaceAll("*", ".*")}$`, "s");
  const files: string[] = [];
  for (const entry of entriesOf(join(workspace, folder))) {
    const path = `${folder}/${entry.name}`;
    if (!pattern.test(entry.name)) continue;
    if (entry.isFile() || (entry.isSymbolicLink() && isFile(join(workspace, path)))) files.push(path);
  }
  return files;
}

function entriesOf(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    return [];
  }
}

async function expandGlobs({ workspace, artifacts }: FileRoot, patterns: readonly string[]): Promise<string[]> {
  const { glob } = (await import("fast-glob")).default;
  return glob([...patterns], {
    cwd: workspace,
    ignore: artifacts === undefined ? IGNORED : [...IGNORED, `${artifacts}/**`],
    dot: true,
    onlyFiles: true,
    followSymbolicLinks: true,
  });
}

function isFile(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
  } catch {
    return false;
  }
}

function byCodeUnit(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
