import { type Dirent, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileStamp } from "../system/stamp.ts";
import type { Sightings } from "./sightings.ts";

/** Folders that are never a stage's input: packages are keyed by version, outs are deps by name, the rest is the tools' own. */
const IGNORED = ["**/node_modules/**", "**/.git/**", ".pipeline/**"];

export interface FileRoot {
  readonly workspace: string;
  /** The folder of all outs, workspace-relative. */
  readonly artifacts?: string | undefined;
  /** Is told what the result rests on. */
  readonly sightings?: Sightings | undefined;
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
  if (!hasMagic(pattern)) return isFile(root, pattern) ? [pattern] : [];
  const slash = pattern.lastIndexOf("/");
  const [folder, name] = [pattern.slice(0, Math.max(0, slash)), pattern.slice(slash + 1)];
  const inArtifacts = root.artifacts !== undefined && `${folder}/`.startsWith(`${root.artifacts}/`);
  if (folder === "" || hasMagic(folder) || hasMagic(name.replaceAll("*", "")) || name.includes("**")) return undefined;
  return isIgnored(folder) || inArtifacts ? [] : filesIn(root, folder, name);
}

function filesIn(root: FileRoot, folder: string, name: string): string[] {
  const pattern = new RegExp(`^${name.replaceAll(/[.^$|+]/g, "\\$&").replaceAll("*", ".*")}$`, "s");
  const files: string[] = [];
  root.sightings?.willList(folder);
  for (const entry of entriesOf(join(root.workspace, folder))) {
    const path = `${folder}/${entry.name}`;
    if (!pattern.test(entry.name)) continue;
    if (entry.isFile() || (entry.isSymbolicLink() && isFile(root, path))) files.push(path);
  }
  return files;
}

function entriesOf(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch (error) {
    if (isRefused(error)) throw error;
    return [];
  }
}

async function expandGlobs(root: FileRoot, patterns: readonly string[]): Promise<string[]> {
  const { workspace, artifacts } = root;
  for (const pattern of patterns) lookBelow(root, pattern);
  const { glob } = (await import("fast-glob")).default;
  return glob([...patterns], {
    cwd: workspace,
    ignore: artifacts === undefined ? IGNORED : [...IGNORED, `${artifacts}/**`],
    dot: true,
    onlyFiles: true,
    followSymbolicLinks: true,
  });
}

/** Looks at all folders that a glob may lead to. One that takes files away leads nowhere. */
function lookBelow({ sightings, artifacts }: FileRoot, pattern: string): void {
  if (sightings === undefined || pattern.startsWith("!")) return;
  const segments = pattern.split("/");
  const magic = segments.findIndex(hasMagic);
  const base = segments.slice(0, magic === -1 ? -1 : magic).join("/");
  if (magic === -1) sightings.willList(base);
  else sightings.willWalk(base, (path) => isIgnored(path) || path === artifacts);
}

function isIgnored(path: string): boolean {
  const segments = path.split("/");
  return segments[0] === ".pipeline" || segments.some((one) => one === "node_modules" || one === ".git");
}

function isFile({ workspace, sightings }: FileRoot, path: string): boolean {
  let stamp = "";
  try {
    stamp = fileStamp(join(workspace, path));
  } catch (error) {
    if (isRefused(error)) throw error;
    sightings?.doubt();
  }
  sightings?.file(path, stamp);
  return stamp !== "";
}

/** What may not be looked at may be there: taken to be missing, it would silently be left out of a dep. */
function isRefused(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === "EACCES" || code === "EPERM";
}

function byCodeUnit(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
