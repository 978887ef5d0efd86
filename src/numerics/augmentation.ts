import { uniform } from "./rng.ts";

export interface AugmentationSpec {
  readonly seed: number;
  /** Zeros on each side before the crop. */
  readonly padding: number;
  /** Offsets are uniform in 0…offsets−1. All that fit: 2·padding + 1. */
  readonly offsets: number;
}

/** Random values for one item: flip, dy, dx, and one to spare, so that an item begins a block of its own. */
const DRAWS = 4;

/**
 * A table u8 `[end − start, 3]` of (flip, dy, dx) for the items `[start, end)`: flipped with p = ½, offsets uniform (the
 * paper's CIFAR10-500k; PROTOCOL A.0). An item's row is a function of the seed and the item alone, so that any shard can be
 * made by itself and twice gives the same bytes.
 */
export function drawAugmentations(
  { seed, padding, offsets }: AugmentationSpec,
  start: number,
  end: number,
): Uint8Array {
  if (!Number.isInteger(offsets) || offsets < 1 || offsets > 2 * padding + 1)
    throw new Error(`${offsets} crop offsets do not fit a padding of ${padding}: there are 1 to ${2 * padding + 1}`);
  const table = new Uint8Array(3 * (end - start));
  // In pieces: the random values of all items at once would be ten times the table.
  for (let from = start; from < end; from += PIECE) {
    const to = Math.min(from + PIECE, end);
    const values = uniform({ seed, name: "augmentation" }, DRAWS * (to - from), DRAWS * from);
    for (let item = from; item < to; item++) {
      const draw = DRAWS * (item - from);
      const row = 3 * (item - start);
      table[row] = values[draw]! < 0.5 ? 1 : 0;
      table[row + 1] = Math.floor(values[draw + 1]! * offsets);
      table[row + 2] = Math.floor(values[draw + 2]! * offsets);
    }
  }
  return table;
}

const PIECE = 8_192;
