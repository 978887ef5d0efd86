/**
 * Fashion-MNIST (Xiao, Rasul, Vollgraf 2017; MIT licence, © 2017 Zalando SE): its files, the digests of their content,
 * and the constants with which the paper normalises it (PROTOCOL A.0).
 */
export const FASHION_MNIST_CLASSES = [
  "T-shirt/top",
  "Trouser",
  "Pullover",
  "Dress",
  "Coat",
  "Sandal",
  "Shirt",
  "Sneaker",
  "Bag",
  "Ankle boot",
] as const;

/** Pixels become (value/255 − mean)/std. */
export const FASHION_MNIST_NORMALISATION = { mean: 0.2859, std: 0.353 } as const;

export type FashionMnistPart = "train-images" | "train-labels" | "test-images" | "test-labels";

export interface OfficialFile {
  /** Its name on the official site, without `.gz`. */
  readonly name: string;
  /** SHA-256 of the decompressed content: gzip wrappers differ between mirrors, the content does not. */
  readonly digest: string;
  /** Bytes of the decompressed content. */
  readonly bytes: number;
  readonly shape: readonly number[];
}

export const FASHION_MNIST_FILES: Readonly<Record<FashionMnistPart, OfficialFile>> = {
  "train-images": {
    name: "train-images-idx3-ubyte",
    digest: "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    bytes: 47_040_016,
    shape: [60_000, 28, 28],
  },
  "train-labels": {
    name: "train-labels-idx1-ubyte",
    digest: "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    bytes: 60_008,
    shape: [60_000],
  },
  "test-images": {
    name: "t10k-images-idx3-ubyte",
    digest: "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    bytes: 7_840_016,
    shape: [10_000, 28, 28],
  },
  "test-labels": {
    name: "t10k-labels-idx1-ubyte",
    digest: "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    bytes: 10_008,
    shape: [10_000],
  },
};

export const FASHION_MNIST_PARTS = Object.keys(FASHION_MNIST_FILES) as readonly FashionMnistPart[];

/** How many of the first images of each set are embedded in `stages/data/`: exactly the paper's MLP data. */
export const EMBEDDED_COUNTS = { train: 1_000, test: 200 } as const;
