import { existsSync } from "node:fs";
import { join } from "node:path";
import { repository } from "./workspace.ts";

/** Packages that only tests of the recipes need: `npm install --prefix node_modules/.cache/ci-tools NAME@VERSION`, or CI_TOOLS says where. */
const FOLDER = join(process.env.CI_TOOLS ?? join(repository, "node_modules/.cache/ci-tools"), "node_modules");

/** A file of such a package, or `undefined` once it has been told that there is none. */
export function ciTool(name: string, version: string, file: string): string | undefined {
  const path = join(FOLDER, name, file);
  if (existsSync(path)) return path;
  console.warn(
    `skipped: no ${name} here; npm install --ignore-scripts --prefix node_modules/.cache/ci-tools ${name}@${version}`,
  );
  return undefined;
}
