import { existsSync, readFileSync } from "node:fs";
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
      if (!existsSync(manifest)) continue;
      const { version } = JSON.parse(readFileSync(manifest, "utf8")) as { version: string };
      return { folder: dirname(manifest), version };
    }
  }
  return undefined;
}
