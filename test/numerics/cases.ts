import { existsSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import {
  FASHION_MNIST_FILES,
  FASHION_MNIST_NORMALISATION,
  type FashionMnistPart,
} from "../../src/data/fashion-mnist.ts";
import { decodeIdx, type IdxArray, takeFirst } from "../../src/formats/idx.ts";
import type { Network } from "../../src/numerics/networks.ts";
import type { Samples } from "../../src/numerics/samples.ts";

/** PROTOCOL C.6: the cases that need no random generator. */

/** √(2/fan_in)·sin(k²) for weights, k = 1… over in × out; zero biases. */
export function trigonometricTheta(network: Network): Float64Array {
  const theta = new Float64Array(network.numParams);
  for (const { shape, offset } of network.layout) {
    if (shape.length !== 2) continue;
    const [outputs, inputs] = shape as [number, number];
    for (let i = 0; i < inputs; i++)
      for (let o = 0; o < outputs; o++) {
        const k = i * outputs + o + 1;
        theta[offset + o * inputs + i] = Math.sqrt(2 / inputs) * Math.sin(k * k);
      }
  }
  return theta;
}

/** x = √2·sin(k²) row-major over `[count, features]`, y = i mod classes. */
export function trigonometricSamples(count: number, features: number, classes: number): Samples {
  const data = Float64Array.from({ length: count * features }, (_, i) => Math.SQRT2 * Math.sin((i + 1) ** 2));
  return {
    inputs: { dtype: "f64", shape: [count, features], data },
    labels: Uint8Array.from({ length: count }, (_, i) => i % classes),
  };
}

/**
 * The paper's training samples, the first 1,000 of Fashion-MNIST: from `stages/data`, else from PIPELINE_DATA_MIRROR;
 * `undefined`, said aloud, where neither is there.
 */
export function fashionMnist(part: "train" | "test" = "train"): Samples | undefined {
  const prefix = part;
  const images = readPart(`${prefix}-images`);
  const labels = readPart(`${prefix}-labels`);
  if (images === undefined || labels === undefined) {
    console.warn("skipped: Fashion-MNIST is neither in stages/data nor in the folder PIPELINE_DATA_MIRROR");
    return undefined;
  }
  const count = part === "train" ? 1_000 : 200;
  const taken = takeFirst(images, count);
  return {
    inputs: { dtype: "u8", shape: taken.shape, data: taken.values },
    labels: takeFirst(labels, count).values,
    normalisation: FASHION_MNIST_NORMALISATION,
  };
}

function readPart(part: FashionMnistPart): IdxArray | undefined {
  const root = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
  const mirror = process.env.PIPELINE_DATA_MIRROR?.replace(/^file:\/\//, "");
  const { name } = FASHION_MNIST_FILES[part];
  const candidates = [join(root, "stages", "data"), ...(mirror === undefined ? [] : [mirror])].flatMap((folder) => [
    join(folder, `${name}.gz`),
    join(folder, name),
  ]);
  const path = candidates.find((candidate) => existsSync(candidate));
  if (path === undefined) return undefined;
  const bytes = readFileSync(path);
  const decoded = decodeIdx(path.endsWith(".gz") ? gunzipSync(bytes) : bytes);
  if ("reason" in decoded) throw new Error(`${path}: ${decoded.message}`);
  return decoded;
}
