/**
 * Prints the peak of this process's memory, in bytes, after passes over `count` augmented items of small images: gradient,
 * linearization, products, evaluation; and what of them may stay in memory.
 */
import { drawAugmentations } from "../../../src/numerics/augmentation.ts";
import { imageNetwork } from "../../../src/numerics/image-networks.ts";
import { makeImageObjective } from "../../../src/numerics/image-objective.ts";
import { initialise } from "../../../src/numerics/networks.ts";
import { initialStatistics } from "../../../src/numerics/running-statistics.ts";
import { openRuntime } from "../../../src/runtimes/open.ts";

const COPIES = 10;
const SIZE = 16;
const count = Number(process.argv[2]);
const images = count / COPIES;

const runtime = await openRuntime("onnx:cpu", { threads: 1 });
if ("reason" in runtime) throw new Error(runtime.message);
const imageShape = [3, SIZE, SIZE] as const;
const network = imageNetwork({ kind: "vgg", widths: [4, 8], convs: 1, dense: 8 }, { imageShape });
const train = {
  count,
  classes: 10,
  imageShape,
  images: Uint8Array.from({ length: images * 3 * SIZE * SIZE }, (_, i) => (i * 7919) % 251),
  labels: Uint8Array.from({ length: images }, (_, i) => i % 10),
  mean: [0.5, 0.5, 0.5],
  std: [0.25, 0.25, 0.25],
  augmentations: {
    copies: COPIES,
    padding: 2,
    table: drawAugmentations({ seed: 1, padding: 2, offsets: 5 }, 0, count),
  },
};
const objective = await makeImageObjective(
  runtime,
  network,
  { train },
  { ghostBatch: 250, memory: { data: 2 ** 21, residuals: 2 ** 23 } },
);
const theta = initialise(network, 0);
await objective.gradient(theta);
const around = await objective.linearize(theta);
await around.hvp(theta);
await around.hvp(theta);
around.dispose();
await objective.evaluateWith(theta, initialStatistics(network.channels));
await objective.dispose();
await runtime.dispose();
process.stdout.write(String(process.resourceUsage().maxRSS * 1024));
