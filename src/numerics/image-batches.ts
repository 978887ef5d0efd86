import type { FloatArray } from "./float-array.ts";
import { type ImageData, imageOf, pixelsOf } from "./image-data.ts";

/**
 * How the items of a batch lie in memory: `[N/m, C, H, W·m]`, m images interleaved, image j's column w at w·m + j. With
 * m = 1, the default, it is `[N, C, H, W]`, with m = N `[C, H, W, N]`.
 */
export interface BatchLayout {
  readonly interleave: number;
}

/**
 * Fills `into` with the items `[start, end)` as a network reads them: normalised, augmented, laid out. Nothing is allocated,
 * so that the memory of a pass over the data is that of one batch. An item's values depend on nothing but the item.
 *
 * @param into `[end − start, C·H·W]` values, in the order of `layout`
 */
export function batchOf(
  data: ImageData,
  start: number,
  end: number,
  into: FloatArray,
  { interleave }: BatchLayout = { interleave: 1 },
): void {
  const count = end - start;
  const pixels = pixelsOf(data);
  if (start < 0 || end > data.count || count < 0) throw new Error(`items ${start} to ${end} of ${data.count}`);
  if (into.length !== count * pixels) throw new Error(`${count} items of ${pixels} values go into ${into.length}`);
  if (count % interleave !== 0) throw new Error(`${count} items cannot be interleaved by ${interleave}`);
  const levels = levelsOf(data);
  const { images, augmentations } = data;
  const [channels, height, width] = data.imageShape;
  // Zeros are what the padding leaves.
  if (augmentations !== undefined) into.fill(0);
  for (let b = 0; b < count; b++) {
    const item = start + b;
    const j = b % interleave;
    const first = (b - j) * pixels + j;
    const source = imageOf(data, item) * pixels;
    let [flip, shiftY, shiftX] = [0, 0, 0];
    if (augmentations !== undefined) {
      const { table, padding } = augmentations;
      flip = table[3 * item]!;
      shiftY = table[3 * item + 1]! - padding;
      shiftX = table[3 * item + 2]! - padding;
    }
    // Rows and columns of the crop that lie within the image; the flip comes last, so it turns the columns of the target.
    const [top, bottom] = [Math.max(0, -shiftY), Math.min(height, height - shiftY)];
    const [left, right] = [Math.max(0, -shiftX), Math.min(width, width - shiftX)];
    const step = flip === 1 ? -interleave : interleave;
    const origin = flip === 1 ? (width - 1) * interleave : 0;
    for (let channel = 0; channel < channels; channel++) {
      const table = channel * 256;
      for (let y = top; y < bottom; y++) {
        const row = source + (channel * height + y + shiftY) * width + shiftX;
        const target = first + (channel * height + y) * width * interleave + origin;
        for (let x = left; x < right; x++) into[target + x * step] = levels[table + images[row + x]!]!;
      }
    }
  }
}

/** The classes of the items `[start, end)`, u8 `[end − start]`. */
export function labelsOf(data: ImageData, start: number, end: number): Uint8Array {
  return Uint8Array.from({ length: end - start }, (_, b) => data.labels[imageOf(data, start + b)]!);
}

/**
 * Fills `into` with the one-hot targets of items with these labels.
 *
 * @param into `[classes, labels.length]` values
 */
export function oneHotOf(labels: Uint8Array, into: FloatArray): void {
  into.fill(0);
  labels.forEach((label, b) => {
    into[label * labels.length + b] = 1;
  });
}

/** What each byte becomes, `[C, 256]`: in float64, rounded once where it is stored. */
function levelsOf({ mean, std }: ImageData): Float64Array {
  const levels = new Float64Array(256 * mean.length);
  for (const [channel, value] of mean.entries())
    for (let byte = 0; byte < 256; byte++) levels[256 * channel + byte] = (byte / 255 - value) / std[channel]!;
  return levels;
}
