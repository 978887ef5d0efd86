import { spawnSync } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { afterAll, beforeAll, expect, it } from "vitest";

const root = join(import.meta.dirname, "..", "..");
// Beside the packages, so that imports find them.
const bundle = join(root, "node_modules", ".cache", "gd-instabilities", "test", `image-memory-${process.pid}.mjs`);

beforeAll(async () => {
  await build({
    entryPoints: [join(import.meta.dirname, "children", "image-memory.ts")],
    outfile: bundle,
    bundle: true,
    platform: "node",
    format: "esm",
    packages: "external",
  });
});

afterAll(() => rmSync(bundle));

function peakOf(count: number): number {
  const child = spawnSync(process.execPath, [bundle, String(count)], { encoding: "utf8" });
  expect(child.status, child.stderr).toBe(0);
  return Number(child.stdout);
}

const MIB = 2 ** 20;

it("memory is bounded by the ghost batch and the budgets, not by the number of images", () => {
  const [few, many] = [peakOf(2_000), peakOf(20_000)];
  // Ten times the items are 1.4 MB of bytes and table more. As floats they would be 55 MB more, their residuals, 8·256
  // numbers of the first layer alone for each of 18,000 items, 147 MB and more. The allowance is for what the garbage collector has not yet got to: 14 to 27 MiB were seen.
  expect(many - few).toBeLessThan(48 * MIB);
});
