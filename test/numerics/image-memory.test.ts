import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { usualInterleave } from "../../src/numerics/ghost-batches.ts";
import { imageNetwork } from "../../src/numerics/image-networks.ts";
import { imagePrograms } from "../../src/numerics/image-programs.ts";
import { residualBudget } from "../../stages/shared/image-objective.ts";
import { childBundle } from "../rig/child-bundle.ts";

const bundle = childBundle(join(import.meta.dirname, "children", "image-memory.ts"));

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

describe("residuals of a ghost batch", () => {
  const residualBytes = (name: "vgg10" | "vgg19" | "resnet20", count: number): number =>
    imagePrograms(imageNetwork(name), "f32").residualBytes({ count, interleave: usualInterleave(count) });

  it.each([
    ["vgg10", 294],
    ["vgg19", 1261],
    ["resnet20", 1457],
  ] as const)("%s: as decision 007 states for 1,024 images, and in proportion to them", (name, mib) => {
    const bytes = residualBytes(name, 1024);
    expect(Math.round(bytes / MIB)).toBe(mib);
    // Half of the images, half of the bytes but for some numbers of each channel.
    expect(Math.abs(residualBytes(name, 512) / bytes - 0.5)).toBeLessThan(1e-3);
  });

  it("those that are kept stay within half of what a stage declares, within 2 GiB where it declares nothing", () => {
    expect(residualBudget({ threads: 1, gpus: [], memory: 5e9 })).toBe(2.5e9);
    expect(residualBudget({ threads: 1, gpus: [] })).toBe(2 * 2 ** 30);
    // All five ghost batches of the paper's VGG10 on 5,000 images fit in what its stages declare.
    expect(5 * residualBytes("vgg10", 1024)).toBeLessThan(residualBudget({ threads: 1, gpus: [], memory: 5e9 }));
  });
});
