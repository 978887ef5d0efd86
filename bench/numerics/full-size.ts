/**
 * `node scripts/run-ts.js bench/numerics/full-size.ts NETWORK [IMAGES [EPOCHS [ETA [RESIDUALS]]]]`: a network of the paper at its
 * full size on the first images of CIFAR-10, in ghost batches of 1,024: full-batch gradient descent, then the largest
 * eigenvalue of the Hessian by the project's eigensolver, and what both take of time and memory. RESIDUALS: MiB of
 * linearizations' residuals that may stay in memory, default 2,048. The archive is found as the `images` stage finds it.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { isDataFailure } from "../../src/data/failure.ts";
import { cifar10 } from "../../src/data/image-dataset.ts";
import type { ImageData } from "../../src/numerics/image-data.ts";
import { imageNetwork } from "../../src/numerics/image-networks.ts";
import { type ImageObjective, makeImageObjective } from "../../src/numerics/image-objective.ts";
import { trainImages } from "../../src/numerics/image-training.ts";
import { initialise } from "../../src/numerics/networks.ts";
import { topEigenpairs } from "../../src/numerics/top-eigenpairs.ts";
import { openRuntime } from "../../src/runtimes/open.ts";
import { isUnavailable } from "../../src/runtimes/unavailable.ts";

const MIB = 2 ** 20;
const [, , name, images = "1024", epochs = "3", eta = "0.1", residuals = "2048"] = process.argv as [
  string,
  string,
  "vgg10",
];
const count = Number(images);
const say = (line: string): void => void process.stdout.write(`${line}\n`);

const runtime = await openRuntime("onnx:cpu");
if (isUnavailable(runtime)) throw new Error(runtime.message);
const network = imageNetwork(name);
const train = await firstImages();
const open = (): Promise<ImageObjective> =>
  makeImageObjective(runtime, network, { train }, { memory: { residuals: Number(residuals) * MIB } });
let objective = await open();
const { programs, ghostBatches, numParams } = objective;
const sizes = ghostBatches.map((batch) =>
  programs.residualBytes({ count: batch.end - batch.start, interleave: batch.interleave }),
);
say(`${name}: ${numParams} parameters, ${count} images in ${sizes.length} ghost batches`);
say(`residuals of each: ${sizes.map((bytes) => `${(bytes / MIB).toFixed(0)} MiB`).join(", ")}`);
say(`before anything ran: ${peak()}`);

let began = performance.now();
const run = await trainImages(
  objective,
  { theta: initialise(network, 0) },
  { eta: Number(eta), warmup: 1 },
  {
    epochs: Number(epochs),
    onEpoch(epoch, loss, accuracy) {
      const seconds = ((performance.now() - began) / 1000).toFixed(1);
      say(`epoch ${epoch}: loss ${loss.toFixed(4)}, accuracy ${accuracy.toFixed(4)}, ${seconds} s, peak ${peak()}`);
      began = performance.now();
    },
  },
);

// Another objective, as the pipeline's stage of spectra is another process than that of trainings.
await objective.dispose();
objective = await open();
forgetPeak();
began = performance.now();
const around = await objective.linearize(run.theta);
say(`linearization: ${((performance.now() - began) / 1000).toFixed(1)} s, peak ${peak()}`);
forgetPeak();
began = performance.now();
const {
  values,
  residuals: norms,
  numMatvecs,
  status,
} = await topEigenpairs(around.hvp, numParams, 1, {
  precision: "f32",
  tol: 1e-3,
});
const seconds = (performance.now() - began) / 1000;
say(
  `λ₁ = ${values[0]?.toPrecision(6)}, ‖Hv − λv‖ = ${norms[0]?.toExponential(1)}, ${status} after ${numMatvecs} products`,
);
say(`${seconds.toFixed(1)} s, ${(seconds / numMatvecs).toFixed(1)} s a product, peak ${peak()}`);
around.dispose();
await objective.dispose();
await runtime.dispose();

async function firstImages(): Promise<ImageData> {
  const dataset = await cifar10({ env: process.env, log: say, onProgress: () => {} }, { train: count, test: 1 });
  if (isDataFailure(dataset)) throw new Error(`${dataset.message}: ${dataset.remedy}`);
  const { mean, std, train } = dataset;
  const { images, labels } = train;
  return {
    count,
    classes: 10,
    imageShape: [3, 32, 32],
    images: images.values as Uint8Array,
    labels: labels.values as Uint8Array,
    mean,
    std,
  };
}

/** The kernel's high-water mark of the process, since it was last set back. */
function peak(): string {
  const kibibytes = Number(/VmHWM:\s*(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))?.[1]);
  return `${(kibibytes / 1024).toFixed(0)} MiB`;
}

function forgetPeak(): void {
  writeFileSync("/proc/self/clear_refs", "5");
}
