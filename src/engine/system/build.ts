import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

interface Build {
  readonly root: string;
  readonly id: string;
  readonly folder: string;
}

// The launcher (bin/launch.js) sets this before it imports the bundle, which cannot tell these from its own place on disk.
const build = (globalThis as { [name: symbol]: unknown })[Symbol.for("gd-instabilities.build")] as Build | undefined;

/** The folder of this package: where `src/`, `schemas/` and `node_modules/` are found, bundled or not. */
export const packageRoot: string = build?.root ?? findRoot();

/** Names the exact sources that run, or `undefined` when the launcher did not bundle them (tests): then nothing is cached under it. */
export const buildId: string | undefined = build?.id;

/** Where the bundles are that the launcher made, of the sources that run; `undefined` as above. */
export const buildFolder: string | undefined = build?.folder;

function findRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, "schemas", "pipeline.schema.json")) && folder !== dirname(folder)) {
    folder = dirname(folder);
  }
  return folder;
}
