/** Colour images of 32 × 32 pixels for the convolutional networks: CIFAR-10, or the embedded images made to look like them. */
import type { IdxArray } from "../formats/idx.ts";
import {
  CIFAR10_ARCHIVE,
  CIFAR10_CLASSES,
  CIFAR10_MEMBERS,
  CIFAR10_NORMALISATION,
  CIFAR10_RECORDS,
  CIFAR10_SHAPE,
} from "./cifar10.ts";
import { type Counts, type Fingerprint, fashionMnist, fingerprintOf, type ReadPart, type Split } from "./dataset.ts";
import { type DataFailure, isDataFailure } from "./failure.ts";
import { type OfficialOptions, officialCifar10 } from "./official.ts";

export interface ImageDataset {
  readonly name: "cifar-10" | "fashion-mnist";
  /** Per channel: pixels become (value/255 − mean)/std. */
  readonly mean: readonly number[];
  readonly std: readonly number[];
  readonly classes: readonly string[];
  /** Images u8 `[N, 3, 32, 32]`. */
  readonly train: Split;
  readonly test: Split;
  readonly fingerprint: Fingerprint;
}

/** The first `counts.train` training and `counts.test` test images of CIFAR-10, in the official order. */
export async function cifar10(options: OfficialOptions, counts: Counts): Promise<ImageDataset | DataFailure> {
  for (const split of ["train", "test"] as const) {
    const available = CIFAR10_MEMBERS[split].length * CIFAR10_RECORDS;
    if (counts[split] > available)
      return {
        reason: "data-too-few",
        message: `${counts[split]} ${split} images are wanted of ${CIFAR10_ARCHIVE}, which has ${available}`,
        remedy: "ask for fewer in params.images",
      };
  }
  const splits = await officialCifar10(counts, options);
  if (isDataFailure(splits)) return splits;
  return {
    name: "cifar-10",
    ...CIFAR10_NORMALISATION,
    classes: CIFAR10_CLASSES,
    ...splits,
    fingerprint: fingerprintOf(splits.train),
  };
}

/**
 * Fashion-MNIST in CIFAR-10's shape: two black pixels on each side, the gray plane three times. Its own normalisation, on
 * each channel.
 */
export async function paddedFashionMnist(read: ReadPart, counts: Counts): Promise<ImageDataset | DataFailure> {
  const dataset = await fashionMnist(read, counts);
  if (isDataFailure(dataset)) return dataset;
  const { mean, std, classes } = dataset;
  const padded = ({ images, labels }: Split): Split => ({ images: inColour(images), labels });
  const train = padded(dataset.train);
  return {
    name: "fashion-mnist",
    mean: [mean, mean, mean],
    std: [std, std, std],
    classes,
    train,
    test: padded(dataset.test),
    fingerprint: fingerprintOf(train),
  };
}

/** u8 `[N, h, w]` in the middle of `[N, 3, 32, 32]`, each plane the same. */
function inColour({ shape, values }: IdxArray): IdxArray {
  const [count, height, width] = shape as [number, number, number];
  const [channels, rows, columns] = CIFAR10_SHAPE;
  const plane = rows * columns;
  const padded = new Uint8Array(count * channels * plane);
  const [top, left] = [(rows - height) / 2, (columns - width) / 2];
  for (let image = 0; image < count; image++) {
    const first = image * channels * plane;
    for (let y = 0; y < height; y++) {
      const row = (image * height + y) * width;
      padded.set(values.subarray(row, row + width), first + (top + y) * columns + left);
    }
    for (let channel = 1; channel < channels; channel++)
      padded.copyWithin(first + channel * plane, first, first + plane);
  }
  return { shape: [count, ...CIFAR10_SHAPE], values: padded };
}
