import { existsSync, realpathSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";

export interface Access {
  /** Absolute; a folder stands for everything below it. */
  readonly reads: readonly string[];
  readonly writes: readonly string[];
}

/**
 * Node's flags for a child that may touch these files only. The permission model is `--experimental-permission` on Node 20
 * and `--permission` since 22.13; native addons are let through since the runtimes are such (so this guards against
 * mistakes, not against malice); the network has a permission of its own since Node 25.
 */
export function permissionFlags({ reads, writes }: Access, version = process.versions.node): string[] {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const stable = major > 23 || (major === 23 && minor >= 5) || (major === 22 && minor >= 13);
  return [
    stable ? "--permission" : "--experimental-permission",
    "--allow-addons",
    ...(major >= 25 ? ["--allow-net"] : []),
    // The flags above warn about themselves on every start.
    "--disable-warning=SecurityWarning",
    "--disable-warning=ExperimentalWarning",
    ...unique(reads).map((path) => `--allow-fs-read=${path}`),
    ...unique(writes).map((path) => `--allow-fs-write=${path}`),
  ];
}

/**
 * Why Node could not start a child that may touch these; `undefined` where it can. The permission model takes each `*` for
 * the end of a path and crashes when it is not, and modules are not loaded from below a folder with a backslash in its name.
 */
export function unnameable({ reads, writes }: Access, workspace: string): string | undefined {
  const starred = [...reads, ...writes].find((path) => path.replace(/\/\*$/, "").includes("*"));
  if (starred !== undefined)
    return `Node's permission model cannot name ${starred.replace(/\/\*$/, "")}, which has a * in it`;
  if (process.platform !== "win32" && workspace.includes("\\"))
    return `Node cannot load modules from ${workspace}, which has a backslash in it`;
  return undefined;
}

/**
 * Folders of packages where code in `origin` looks for them, links followed. Those that are not there are allowed too:
 * under the permission model, even asking whether a file exists is an error elsewhere.
 */
export function packageFolders(origin: string): string[] {
  const folders: string[] = [];
  for (let folder = origin; ; folder = dirname(folder)) {
    const packages = join(folder, "node_modules");
    folders.push(packages);
    if (existsSync(packages)) folders.push(realpathSync(packages));
    if (dirname(folder) === folder) break;
  }
  // Node's oldest habits. Packages in them are no part of a key, so they stay closed where they exist.
  const old = [".node_modules", ".node_libraries"].map((name) => join(homedir(), name));
  return unique([...folders, ...old.filter((folder) => !existsSync(folder))]);
}

/** A path as the permission model wants it: for a folder, with a wildcard for what is below. */
export function accessTo(path: string): string[] {
  let real = path;
  try {
    real = realpathSync(path);
  } catch {
    // Not there: whether it appears later is the stage's affair.
  }
  const folder = statSync(real, { throwIfNoEntry: false })?.isDirectory() ?? false;
  return unique([path, real]).map((each) => (folder ? join(each, "*") : each));
}

function unique(paths: readonly string[]): string[] {
  return [...new Set(paths)];
}
