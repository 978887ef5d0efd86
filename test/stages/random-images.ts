import { writeSafetensors } from "../../src/formats/safetensors.ts";
import { uniform } from "../../src/numerics/rng.ts";
import type { Samples } from "../../src/numerics/samples.ts";
import { sizeOf } from "../../src/programs/tensor.ts";

/** Random images of three classes in turn as a data set's file; its training samples. */
export function writeRandomImages(
  path: string,
  imageShape: readonly number[],
  { train, test }: { readonly train: number; readonly test: number },
): Samples {
  const pixels = sizeOf(imageShape);
  const bytes = (name: string, count: number): Uint8Array =>
    Uint8Array.from(uniform({ seed: 1, name }, count * pixels), (value) => 256 * value);
  const labels = (count: number): Uint8Array => Uint8Array.from({ length: count }, (_, i) => i % 3);
  const split = (name: string, count: number) => ({
    [`${name}.images`]: { dtype: "u8", shape: [count, ...imageShape], data: bytes(name, count) } as const,
    [`${name}.labels`]: { dtype: "u8", shape: [count], data: labels(count) } as const,
  });
  const [mean, std] = [0.5, 0.3];
  writeSafetensors(path, { ...split("train", train), ...split("test", test) }, { mean: `${mean}`, std: `${std}` });
  return {
    inputs: { dtype: "u8", shape: [train, pixels], data: bytes("train", train) },
    labels: labels(train),
    normalisation: { mean, std },
  };
}
