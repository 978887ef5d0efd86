import { readFileSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import type { Sightings } from "../files/sightings.ts";
import type { StatIndex } from "../files/stat-index.ts";
import type { Digest } from "../plan/plan.ts";
import { byCodeUnit } from "../system/json.ts";
import { fileStamp } from "../system/stamp.ts";

interface LockedPackage {
  readonly version?: string;
  /** A folder of this workspace, not an installed package. */
  readonly link?: boolean;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

export interface PackageLock {
  /** Absolute; its folder is where `node_modules` lies. */
  readonly file: string;
  /** The place from which the workspace's imports resolve: `""`, or `packages/x` in a repository of several packages. */
  readonly origin: string;
  readonly packages: Readonly<Record<string, LockedPackage>>;
}

/** `[onnxruntime-node, 1.30.0]`; a second version that is nested below another package is named by its place. */
export type UsedPackage = readonly [name: string, version: string];

/** Finds the lock file that governs a workspace: npm's committed one, else the one that npm leaves in `node_modules`. */
export function findPackageLock(workspace: string, sightings?: Sightings): string | undefined {
  for (let folder = workspace; ; folder = dirname(folder)) {
    for (const name of ["package-lock.json", join("node_modules", ".package-lock.json")]) {
      const file = join(folder, name);
      const stamp = fileStamp(file);
      sightings?.file(file, stamp);
      if (stamp !== "") return file;
    }
    if (dirname(folder) === folder) return undefined;
  }
}

export function readPackageLock(file: string, workspace: string): PackageLock {
  const { packages = {} } = JSON.parse(readFileSync(file, "utf8")) as { packages?: Record<string, LockedPackage> };
  const folder = file.endsWith(join("node_modules", ".package-lock.json")) ? dirname(dirname(file)) : dirname(file);
  return { file, origin: relative(folder, workspace).split(sep).join("/"), packages };
}

export function lockDigest(file: string | undefined, workspace: string, files: StatIndex): Promise<Digest | ""> {
  if (file === undefined) return Promise.resolve("");
  return files.digest(relative(workspace, file)).then((state) => state?.digest ?? "");
}

/** Whether an import of this package leads to a folder of the workspace, whose sources are then bundled like any other. */
export function isLinked(lock: PackageLock | undefined, name: string): boolean {
  const place = lock && locate(lock.packages, lock.origin, name);
  return place !== undefined && lock?.packages[place]?.link === true;
}

/**
 * Everything that the named packages may load: they and what they depend on, with locked versions, sorted.
 * `unknown` are those that the lock file does not list.
 */
export function closureOfPackages(
  lock: PackageLock | undefined,
  names: readonly string[],
): { readonly packages: readonly UsedPackage[]; readonly unknown: readonly string[] } {
  if (lock === undefined) return { packages: [], unknown: names };
  const unknown: string[] = [];
  const found = new Set<string>();
  const open: string[] = [];
  const visit = (place: string): void => {
    if (found.has(place)) return;
    found.add(place);
    open.push(place);
  };
  for (const name of names) {
    const place = locate(lock.packages, lock.origin, name);
    if (place === undefined) unknown.push(name);
    else visit(place);
  }
  for (let place = open.pop(); place !== undefined; place = open.pop()) {
    const { dependencies, optionalDependencies, peerDependencies } = lock.packages[place]!;
    for (const name of Object.keys({ ...dependencies, ...optionalDependencies, ...peerDependencies })) {
      const target = locate(lock.packages, place, name);
      // An optional dependency of another platform, or a peer that nobody installed.
      if (target !== undefined) visit(target);
    }
  }
  const packages = [...found]
    .map((place): UsedPackage => [place.replace(/^node_modules\//, ""), lock.packages[place]!.version ?? "unversioned"])
    .sort((a, b) => byCodeUnit(a[0], b[0]));
  return { packages, unknown };
}

/** Node's resolution over the lock file's places: the nearest `node_modules` at or above `from` that has the package. */
function locate(packages: PackageLock["packages"], from: string, name: string): string | undefined {
  for (let base = from; ; ) {
    const place = base === "" ? `node_modules/${name}` : `${base}/node_modules/${name}`;
    if (packages[place] !== undefined) return place;
    if (base === "") return undefined;
    const cut = base.lastIndexOf("/node_modules/");
    base = cut === -1 ? "" : base.slice(0, cut);
  }
}

/** The package of an import: `@scope/name/file.js` → `@scope/name`. */
export function packageOf(specifier: string): string {
  return specifier.split("/", specifier.startsWith("@") ? 2 : 1).join("/");
}
