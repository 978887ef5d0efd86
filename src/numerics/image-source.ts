import type { FloatArray } from "./float-array.ts";
import { type BatchLayout, batchOf, labelsOf } from "./image-batches.ts";
import type { ImageData } from "./image-data.ts";

/** Where labelled images come from, batch by batch. */
export interface ImageSource {
  readonly count: number;
  readonly classes: number;
  /** `[C, H, W]` */
  readonly imageShape: readonly [number, number, number];
  /** Writes the normalised items `[start, end)` into `into` (`image-batches.ts` tells the layout). */
  fill(start: number, end: number, into: FloatArray, layout: BatchLayout): void;
  /** Classes of the items `[start, end)`. */
  labels(start: number, end: number): Uint8Array;
}

export function imageSource(data: ImageData): ImageSource {
  const { count, classes, imageShape } = data;
  return {
    count,
    classes,
    imageShape,
    fill: (start, end, into, layout) => batchOf(data, start, end, into, layout),
    labels: (start, end) => labelsOf(data, start, end),
  };
}
