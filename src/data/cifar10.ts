/**
 * CIFAR-10 (A. Krizhevsky, "Learning multiple layers of features from tiny images", technical report, University of Toronto,
 * 2009) in its binary format: the members of the official archive, the digests of their content, and the constants with
 * which the paper normalises it (PROTOCOL A.0).
 */
export const CIFAR10_CLASSES = [
  "airplane",
  "automobile",
  "bird",
  "cat",
  "deer",
  "dog",
  "frog",
  "horse",
  "ship",
  "truck",
] as const;

/** Per channel (red, green, blue) pixels become (value/255 − mean)/std. */
export const CIFAR10_NORMALISATION = { mean: [0.4914, 0.4822, 0.4465], std: [0.247, 0.243, 0.261] } as const;

export const CIFAR10_ARCHIVE = "cifar-10-binary.tar.gz";

export const CIFAR10_SHAPE = [3, 32, 32] as const;

/** A record is a label and 3 planes of 32 × 32 bytes, row by row. */
export const CIFAR10_RECORD = 1 + 3 * 32 * 32;

export const CIFAR10_RECORDS = 10_000;

export interface Cifar10Member {
  readonly name: string;
  /** SHA-256. The archive's own would tell of its compression too, which mirrors change. */
  readonly digest: string;
}

export const CIFAR10_MEMBERS: Readonly<Record<"train" | "test", readonly Cifar10Member[]>> = {
  train: [
    {
      name: "cifar-10-batches-bin/data_batch_1.bin",
      digest: "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5",
    },
    {
      name: "cifar-10-batches-bin/data_batch_2.bin",
      digest: "a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed",
    },
    {
      name: "cifar-10-batches-bin/data_batch_3.bin",
      digest: "bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67",
    },
    {
      name: "cifar-10-batches-bin/data_batch_4.bin",
      digest: "014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48",
    },
    {
      name: "cifar-10-batches-bin/data_batch_5.bin",
      digest: "755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add",
    },
  ],
  test: [
    {
      name: "cifar-10-batches-bin/test_batch.bin",
      digest: "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b",
    },
  ],
};
