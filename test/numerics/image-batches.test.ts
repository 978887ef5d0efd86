import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type AugmentationSpec, drawAugmentations } from "../../src/numerics/augmentation.ts";
import { batchOf, labelsOf, oneHotOf } from "../../src/numerics/image-batches.ts";
import { checkImageData, firstItems, type ImageData } from "../../src/numerics/image-data.ts";

const SPEC: AugmentationSpec = { seed: 3, padding: 4, offsets: 9 };

function images(count: number, imageShape: readonly [number, number, number] = [3, 6, 5]): ImageData {
  const pixels = imageShape[0] * imageShape[1] * imageShape[2];
  return {
    count,
    classes: 4,
    imageShape,
    images: Uint8Array.from({ length: count * pixels }, (_, i) => (i * 37 + (i >> 5) * 11) % 256),
    labels: Uint8Array.from({ length: count }, (_, i) => (i * i) % 4),
    mean: Array.from({ length: imageShape[0] }, (_, c) => 0.4 + c / 20),
    std: Array.from({ length: imageShape[0] }, (_, c) => 0.2 + c / 30),
  };
}

function augmented(count: number, copies: number, spec = SPEC): ImageData {
  const base = images(Math.ceil(count / copies));
  return { ...base, count, augmentations: { copies, padding: spec.padding, table: drawAugmentations(spec, 0, count) } };
}

/** The same by the book: normalise, pad, crop, flip, one array at a time. */
function plainTwin(data: ImageData, item: number): number[] {
  const [channels, height, width] = data.imageShape;
  const { copies, padding, table } = data.augmentations!;
  const [flip, dy, dx] = table.subarray(3 * item, 3 * item + 3) as unknown as [number, number, number];
  const image = Math.floor(item / copies);
  const planes = Array.from({ length: channels }, (_, c) => {
    const blank = (): number[] => new Array<number>(width + 2 * padding).fill(0);
    const padded = Array.from({ length: height + 2 * padding }, blank);
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++) {
        const byte = data.images[((image * channels + c) * height + y) * width + x]!;
        padded[y + padding]![x + padding] = (byte / 255 - data.mean[c]!) / data.std[c]!;
      }
    const crop = padded.slice(dy, dy + height).map((row) => row.slice(dx, dx + width));
    return flip === 1 ? crop.map((row) => row.reverse()) : crop;
  });
  return planes.flat(2);
}

describe("batches of images", () => {
  it("are (byte/255 − mean)/std, channels first", () => {
    const data = images(2);
    const batch = new Float64Array(2 * 90);
    batchOf(data, 0, 2, batch);
    for (const [i, value] of batch.entries()) {
      const channel = Math.floor(i / 30) % 3;
      expect(value).toBe((data.images[i]! / 255 - data.mean[channel]!) / data.std[channel]!);
    }
  });

  it("are augmented as by the book, in every layout, whatever the buffer held before", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 3 }),
        fc.integer({ min: 1, max: 3 }),
        fc.constantFrom(1, 2, 4),
        fc.integer({ min: 0, max: 99 }),
        (start, groups, interleave, seed) => {
          const data = augmented(16, 5, { seed, padding: 4, offsets: 9 });
          const count = groups * interleave;
          const batch = new Float64Array(count * 90).fill(Number.NaN);
          batchOf(data, start, start + count, batch, { interleave });
          for (let b = 0; b < count; b++) {
            const [group, j] = [Math.floor(b / interleave), b % interleave];
            const item = Array.from({ length: 90 }, (_, p) => batch[group * interleave * 90 + p * interleave + j]!);
            expect(item).toEqual(plainTwin(data, start + b));
          }
        },
      ),
    );
  });

  it("do not depend on how the data are cut", () => {
    const data = augmented(24, 10);
    const whole = new Float32Array(24 * 90);
    batchOf(data, 0, 24, whole);
    for (const [start, end] of [
      [0, 7],
      [7, 20],
      [20, 24],
    ] as const) {
      const part = new Float32Array((end - start) * 90);
      batchOf(data, start, end, part);
      expect(part).toEqual(whole.subarray(start * 90, end * 90));
      expect(labelsOf(data, start, end)).toEqual(labelsOf(data, 0, 24).subarray(start, end));
    }
  });

  it("an unshifted, unflipped copy is the image itself, and two flips undo one another", () => {
    const plain = images(1);
    const data = {
      ...plain,
      count: 2,
      augmentations: { copies: 2, padding: 4, table: Uint8Array.of(0, 4, 4, 1, 4, 4) },
    };
    const [image, copies] = [new Float32Array(90), new Float32Array(180)];
    batchOf(plain, 0, 1, image);
    batchOf(data, 0, 2, copies);
    expect(copies.subarray(0, 90)).toEqual(image);
    const flipped = Array.from({ length: 90 }, (_, i) => copies[90 + i - (i % 5) + (4 - (i % 5))]);
    expect(flipped).toEqual([...image]);
  });

  it("have the labels of their images, one-hot by classes", () => {
    const data = augmented(12, 3);
    expect([...labelsOf(data, 0, 12)]).toEqual([0, 0, 0, 1, 1, 1, 0, 0, 0, 1, 1, 1]);
    // Over what was there before.
    const targets = new Float32Array(12).fill(7);
    oneHotOf(labelsOf(data, 2, 5), targets);
    expect([...targets]).toEqual([1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0]);
  });

  it("the first items are a view that reads the same", () => {
    const data = augmented(24, 10);
    const some = firstItems(data, 13);
    checkImageData(some);
    expect(some.labels).toHaveLength(2);
    const [of13, of24] = [new Float32Array(13 * 90), new Float32Array(13 * 90)];
    batchOf(some, 0, 13, of13);
    batchOf(data, 0, 13, of24);
    expect(of13).toEqual(of24);
    expect(some.images.buffer).toBe(data.images.buffer);
  });

  it("refuse what does not fit", () => {
    const data = augmented(8, 2);
    const into = new Float32Array(8 * 90);
    expect(() => batchOf(data, 0, 9, into)).toThrow("items 0 to 9 of 8");
    expect(() => batchOf(data, 0, 7, into)).toThrow("7 items of 90 values go into 720");
    expect(() => batchOf(data, 0, 8, into, { interleave: 3 })).toThrow("8 items cannot be interleaved by 3");
    expect(() => firstItems(data, 9)).toThrow("9 items are wanted of 8");
    expect(() => checkImageData({ ...data, labels: data.labels.subarray(1) })).toThrow("4 images have 3 labels");
    expect(() => checkImageData({ ...data, classes: 1 })).toThrow("image 1 has label 1, there are 1 classes");
    const table = data.augmentations!.table.slice();
    table[4] = 9;
    expect(() => checkImageData({ ...data, augmentations: { ...data.augmentations!, table } })).toThrow(/item 1 has/);
  });
});

describe("augmentations", () => {
  it("of any shard are those of the whole, twice the same bytes", () => {
    const whole = drawAugmentations(SPEC, 0, 20_000);
    for (const [start, end] of [
      [0, 1],
      [1, 2],
      [8_191, 8_193],
      [12_345, 20_000],
    ] as const)
      expect(drawAugmentations(SPEC, start, end)).toEqual(whole.subarray(3 * start, 3 * end));
    expect(drawAugmentations({ ...SPEC, seed: 4 }, 0, 100)).not.toEqual(whole.subarray(0, 300));
  });

  it("flip half of the items and use every offset alike", () => {
    const count = 90_000;
    const table = drawAugmentations(SPEC, 0, count);
    const counts = [0, 1, 2].map((column) => {
      const seen = new Array<number>(column === 0 ? 2 : 9).fill(0);
      for (let item = 0; item < count; item++) seen[table[3 * item + column]!]!++;
      return seen;
    });
    for (const seen of counts) {
      // A count is binomial: six standard deviations are passed once in 5e8 draws, and these draws are fixed.
      const p = 1 / seen.length;
      const allowed = 6 * Math.sqrt(count * p * (1 - p));
      for (const value of seen) expect(Math.abs(value - count * p)).toBeLessThan(allowed);
    }
    // Columns do not go together: the same bound for the pairs (dy, dx).
    const pairs = new Array<number>(81).fill(0);
    for (let item = 0; item < count; item++) pairs[table[3 * item + 1]! * 9 + table[3 * item + 2]!]!++;
    for (const value of pairs) expect(Math.abs(value - count / 81)).toBeLessThan(6 * Math.sqrt(count / 81));
  });

  it("of fewer offsets stay below them; more than fit are refused", () => {
    const table = drawAugmentations({ ...SPEC, offsets: 8 }, 0, 1_000);
    expect(Math.max(...table)).toBe(7);
    expect(() => drawAugmentations({ ...SPEC, offsets: 10 }, 0, 1)).toThrow("there are 1 to 9");
  });
});
