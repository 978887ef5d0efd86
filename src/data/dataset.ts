/** A classification data set as the numerics read it: bytes, labels, and the constants that normalise the bytes. */
import { type IdxArray, takeFirst } from "../formats/idx.ts";
import { type DataFailure, isDataFailure } from "./failure.ts";
import {
  FASHION_MNIST_CLASSES,
  FASHION_MNIST_FILES,
  FASHION_MNIST_NORMALISATION,
  type FashionMnistPart,
} from "./fashion-mnist.ts";

export interface Fingerprint {
  /** Labels per class in the training set. */
  readonly labelCounts: readonly number[];
  /** Sum over the training set's raw pixels. */
  readonly pixelSum: number;
}

export interface Dataset {
  readonly name: string;
  readonly mean: number;
  readonly std: number;
  readonly classes: readonly string[];
  readonly train: Split;
  readonly test: Split;
  readonly fingerprint: Fingerprint;
}

export interface Split {
  /** u8 `[N, 28, 28]` or, with channels, `[N, 3, 32, 32]` */
  readonly images: IdxArray;
  /** u8 `[N]` */
  readonly labels: IdxArray;
}

/** The paper's data set is the first 1,000 images in the official order; PROTOCOL A.0 gives its fingerprint. */
export const PAPER_FINGERPRINT: Fingerprint = {
  labelCounts: [107, 104, 86, 92, 95, 100, 100, 115, 102, 99],
  pixelSum: 56_558_003,
};

export interface Counts {
  readonly train: number;
  readonly test: number;
}

export type ReadPart = (part: FashionMnistPart) => Promise<IdxArray | DataFailure>;

/** The first `counts.train` training and `counts.test` test images of Fashion-MNIST, in the official order. */
export async function fashionMnist(read: ReadPart, counts: Counts): Promise<Dataset | DataFailure> {
  const train = await readSplit(read, "train-images", "train-labels", counts.train);
  if (isDataFailure(train)) return train;
  const test = await readSplit(read, "test-images", "test-labels", counts.test);
  if (isDataFailure(test)) return test;
  const fingerprint = fingerprintOf(train);
  if (counts.train === 1_000 && !sameFingerprint(fingerprint, PAPER_FINGERPRINT)) {
    return {
      reason: "data-wrong-content",
      message: `these 1,000 training images are not the paper's: label counts ${fingerprint.labelCounts.join(", ")} and pixel sum ${fingerprint.pixelSum}, expected ${PAPER_FINGERPRINT.labelCounts.join(", ")} and ${PAPER_FINGERPRINT.pixelSum}`,
      remedy: "restore stages/data from the repository, or read the official files (source: official)",
    };
  }
  return {
    name: "fashion-mnist",
    ...FASHION_MNIST_NORMALISATION,
    classes: FASHION_MNIST_CLASSES,
    train,
    test,
    fingerprint,
  };
}

async function readSplit(
  read: ReadPart,
  imagesPart: FashionMnistPart,
  labelsPart: FashionMnistPart,
  count: number,
): Promise<Split | DataFailure> {
  const images = await read(imagesPart);
  if (isDataFailure(images)) return images;
  const labels = await read(labelsPart);
  if (isDataFailure(labels)) return labels;
  const available = Math.min(images.shape[0] ?? 0, labels.shape[0] ?? 0);
  if (count > available) {
    return {
      reason: "data-too-few",
      message: `${count} images are wanted of ${FASHION_MNIST_FILES[imagesPart].name}, which has ${available} here`,
      remedy:
        available < 10_000
          ? "use source: official in params.fmnist, or ask for fewer"
          : "ask for fewer in params.fmnist",
    };
  }
  return { images: takeFirst(images, count), labels: takeFirst(labels, count) };
}

export function fingerprintOf({ images, labels }: Split): Fingerprint {
  const labelCounts = new Array<number>(FASHION_MNIST_CLASSES.length).fill(0);
  for (const label of labels.values) labelCounts[label] = (labelCounts[label] ?? 0) + 1;
  let pixelSum = 0;
  for (const value of images.values) pixelSum += value;
  return { labelCounts, pixelSum };
}

function sameFingerprint(a: Fingerprint, b: Fingerprint): boolean {
  return a.pixelSum === b.pixelSum && a.labelCounts.join() === b.labelCounts.join();
}
