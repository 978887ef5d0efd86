import { rmSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { build } from "esbuild";
import { afterAll, beforeAll } from "vitest";

const root = resolve(import.meta.dirname, "..", "..");

/** The path of a script that a test runs in a process of its own, as one file; it is there while the tests run. */
export function childBundle(script: string): string {
  // Beside the packages, as the engine's bundles are, so that imports find them.
  const folder = join(root, "node_modules", ".cache", "gd-instabilities", "test");
  const bundle = join(folder, `${basename(script, ".ts")}-${process.pid}.mjs`);
  beforeAll(async () => {
    await build({
      entryPoints: [script],
      outfile: bundle,
      bundle: true,
      platform: "node",
      format: "esm",
      packages: "external",
    });
  });
  afterAll(() => rmSync(bundle));
  return bundle;
}
