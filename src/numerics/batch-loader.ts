import type { Tensor } from "../programs/tensor.ts";
import type { DeviceTensor, Runtime } from "../runtimes/runtime.ts";
import { type FloatArray, floatArray } from "./float-array.ts";
import type { GhostBatch } from "./ghost-batches.ts";
import { oneHotOf } from "./image-batches.ts";
import type { ImageSource } from "./image-source.ts";

/** x `[1, B, C, H, W·m]` and one-hot y `[1, classes, N]` of one batch. */
export type LoadedBatch = readonly [x: Tensor | DeviceTensor, y: Tensor | DeviceTensor];

export interface BatchLoader {
  /** Valid until the next call. */
  load(batch: GhostBatch): Promise<LoadedBatch>;
  dispose(): void;
}

/**
 * Brings batches to where programs run. As many as fit in `budget` bytes stay there from their first use on; the others
 * are made anew in one buffer for each size, so that memory does not grow with the data.
 */
export function createBatchLoader(
  runtime: Runtime,
  source: ImageSource,
  float: "f32" | "f64",
  budget: number,
): BatchLoader {
  const { classes, imageShape } = source;
  const [channels, height, width] = imageShape;
  const pixels = channels * height * width;
  const resident = new Map<number, readonly [DeviceTensor, DeviceTensor]>();
  const buffers = new Map<number, Buffers>();
  let left = budget;

  const allocate = (count: number): Buffers => ({
    x: floatArray(float, count * pixels),
    y: floatArray(float, count * classes),
  });
  const fill = ({ start, end, interleave }: GhostBatch, { x, y }: Buffers): readonly [Tensor, Tensor] => {
    const count = end - start;
    source.fill(start, end, x, { interleave });
    oneHotOf(source.labels(start, end), y);
    return [
      { dtype: float, shape: [1, count / interleave, channels, height, width * interleave], data: x },
      { dtype: float, shape: [1, classes, count], data: y },
    ];
  };
  return {
    async load(batch) {
      const known = resident.get(batch.start);
      if (known !== undefined) return known;
      const count = batch.end - batch.start;
      const bytes = count * (pixels + classes) * (float === "f32" ? 4 : 8);
      if (bytes <= left) {
        left -= bytes;
        // Arrays of their own: on CPU devices a device tensor is the host's array.
        const [x, y] = fill(batch, allocate(count));
        const uploaded = [await runtime.upload(x), await runtime.upload(y)] as const;
        resident.set(batch.start, uploaded);
        return uploaded;
      }
      const own = buffers.get(count) ?? allocate(count);
      buffers.set(count, own);
      return fill(batch, own);
    },
    dispose() {
      for (const tensors of resident.values()) for (const tensor of tensors) tensor.dispose();
      resident.clear();
    },
  };
}

interface Buffers {
  readonly x: FloatArray;
  readonly y: FloatArray;
}
