import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";

export const LAYERS = [784, 32, 32, 32, 32, 10] as const;
export const REPLICAS = 47;
const SAMPLES = 1000;

/**
 * Writes what every contender reads (float32, little-endian): the paper's 1,000 images as columns x [784, 1000],
 * one-hot labels y [10, 1000], parameters theta and directions v [47, 28480].
 */
export function writeData(folder: string): void {
  const root = join(process.cwd(), "stages", "data");
  const images = gunzipSync(readFileSync(join(root, "train-images-idx3-ubyte.gz"))).subarray(16);
  const labels = gunzipSync(readFileSync(join(root, "train-labels-idx1-ubyte.gz"))).subarray(8);
  const x = new Float32Array(784 * SAMPLES);
  const y = new Float32Array(10 * SAMPLES);
  for (let n = 0; n < SAMPLES; n++) {
    for (let f = 0; f < 784; f++) x[f * SAMPLES + n] = (images[n * 784 + f]! / 255 - 0.2859) / 0.353;
    y[labels[n]! * SAMPLES + n] = 1;
  }
  const count = LAYERS.slice(1).reduce((total, out, i) => total + out * LAYERS[i]!, 0);
  const theta = new Float32Array(REPLICAS * count);
  const v = new Float32Array(REPLICAS * count);
  // Any full-rank point will do: deterministic values of the size of an initialisation (PROTOCOL C.6's sin(k²)).
  let k = 0;
  for (let r = 0; r < REPLICAS; r++) {
    for (let layer = 1; layer < LAYERS.length; layer++) {
      const fanIn = LAYERS[layer - 1]!;
      for (let i = 0; i < fanIn * LAYERS[layer]!; i++, k++) {
        theta[k] = Math.sqrt(2 / fanIn) * Math.sin((k + 1) ** 2);
        v[k] = Math.cos((k + 1) ** 2);
      }
    }
  }
  mkdirSync(folder, { recursive: true });
  for (const [name, values] of Object.entries({ x, y, theta, v })) {
    writeFileSync(join(folder, `${name}.f32`), new Uint8Array(values.buffer));
  }
}
