import { accessSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";

export interface InstalledPackage {
  readonly folder: string;
  readonly version: string;
}

/** An installed npm package, found without loading it; `undefined` where it is not installed. */
export function findPackage(name: string): InstalledPackage | undefined {
  // This file may run from a bundle that lies elsewhere than the packages: then the working directory knows them.
  for (const base of [import.meta.url, pathToFileURL(join(process.cwd(), "package.json")).href]) {
    for (const folder of createRequire(base).resolve.paths(name) ?? []) {
      const manifest = join(folder, name, "package.json");
      const text = readIfThere(manifest);
      if (text === undefined) continue;
      return { folder: dirname(manifest), version: (JSON.parse(text) as { version: string }).version };
    }
  }
  return undefined;
}

/** Whether a path can be read. Never throws: where a sandbox hides it, it is not there. */
export function isThere(path: string): boolean {
  try {
    accessSync(path);
    return true;
  } catch {
    return false;
  }
}

/** A file's text, `undefined` where it cannot be read. */
export function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
