import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { type ImageNetwork, imageNetwork } from "../../src/numerics/image-networks.ts";
import { initialise } from "../../src/numerics/networks.ts";
import { standardNormal, uniform } from "../../src/numerics/rng.ts";

export type ImageNetworkName = "vgg10" | "resnet20";

const PIXELS = 3 * 32 * 32;

export const networkOf = (name: ImageNetworkName): ImageNetwork => imageNetwork(name);

/**
 * Writes what every contender reads (float32, little-endian; labels as bytes): x [N, 3, 32, 32], the embedded
 * Fashion-MNIST images, zero-padded to 32×32 on three channels, the first ones once more where they run out, with uniform noise; theta [P], the network's
 * initialisation; v [P], a normal direction.
 */
export function writeImageData(folder: string, name: ImageNetworkName, images: number): void {
  const root = join(process.cwd(), "stages", "data");
  const bytes = gunzipSync(readFileSync(join(root, "train-images-idx3-ubyte.gz"))).subarray(16);
  const given = gunzipSync(readFileSync(join(root, "train-labels-idx1-ubyte.gz"))).subarray(8);
  const x = new Float32Array(images * PIXELS).fill(-0.2859 / 0.353);
  for (let n = 0; n < images; n++) {
    const source = (n % given.length) * 784;
    for (let c = 0; c < 3; c++)
      for (let i = 0; i < 28; i++)
        for (let j = 0; j < 28; j++)
          x[n * PIXELS + c * 1024 + (i + 2) * 32 + j + 2] = (bytes[source + i * 28 + j]! / 255 - 0.2859) / 0.353;
  }
  // Equal pixels make equal windows, where a rounding decides which one max-pooling takes: contenders would differ by it.
  const noise = uniform({ seed: 0, name: "noise" }, x.length);
  for (let k = 0; k < x.length; k++) x[k]! += noise[k]! - 0.5;
  const network = networkOf(name);
  const theta = Float32Array.from(initialise(network, 0));
  const v = Float32Array.from(standardNormal({ seed: 0, name: "direction" }, network.numParams));
  mkdirSync(folder, { recursive: true });
  for (const [file, values] of Object.entries({ x, theta, v }))
    writeFileSync(join(folder, `${file}.f32`), new Uint8Array(values.buffer));
  writeFileSync(
    join(folder, "labels.u8"),
    Uint8Array.from({ length: images }, (_, n) => given[n % given.length]!),
  );
}
