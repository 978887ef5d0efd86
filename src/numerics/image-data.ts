/**
 * Labelled images on the host: bytes, the constants that normalise them, and the augmentations that make several items of
 * one image. An image is stored once however many items are made of it.
 */
export interface ImageData {
  /** Items: images × copies. */
  readonly count: number;
  readonly classes: number;
  readonly imageShape: readonly [channels: number, height: number, width: number];
  /** `[I, C, H, W]`, row-major. */
  readonly images: Uint8Array;
  /** `[I]`, each below `classes`: one for an image, not for an item. */
  readonly labels: Uint8Array;
  /** Per channel: x = (byte/255 − mean)/std. */
  readonly mean: readonly number[];
  readonly std: readonly number[];
  readonly augmentations?: Augmentations;
}

/** What is done to an image after normalising: zero-pad by `padding`, crop at (dy, dx) to the image's size, then flip. */
export interface Augmentations {
  /** Item i is made of image ⌊i/copies⌋: the copies of an image are neighbours. */
  readonly copies: number;
  readonly padding: number;
  /** `[count, 3]`: flip (0 or 1, left to right), dy, dx (0…2·padding; `padding` shifts nothing). */
  readonly table: Uint8Array;
}

/** Which image an item is made of. */
export function imageOf({ augmentations }: ImageData, item: number): number {
  return augmentations === undefined ? item : Math.floor(item / augmentations.copies);
}

/** The first `count` items, without a copy. */
export function firstItems(data: ImageData, count: number): ImageData {
  if (count > data.count) throw new Error(`${count} items are wanted of ${data.count}`);
  const images = count === 0 ? 0 : imageOf(data, count - 1) + 1;
  const { augmentations } = data;
  return {
    ...data,
    count,
    images: data.images.subarray(0, images * pixelsOf(data)),
    labels: data.labels.subarray(0, images),
    ...(augmentations === undefined
      ? {}
      : { augmentations: { ...augmentations, table: augmentations.table.subarray(0, 3 * count) } }),
  };
}

/** Values of one image, C·H·W. */
export function pixelsOf({ imageShape: [channels, height, width] }: ImageData): number {
  return channels * height * width;
}

/** Refuses data whose parts do not fit together. Whoever makes an `ImageData` calls it: a wrong one is a bug. */
export function checkImageData(data: ImageData): void {
  const { count, classes, images, labels, mean, std, augmentations, imageShape } = data;
  const expect = (holds: boolean, message: string): void => {
    if (!holds) throw new Error(message);
  };
  const copies = augmentations?.copies ?? 1;
  const [channels] = imageShape;
  const sources = Math.ceil(count / copies);
  expect(
    images.length === sources * pixelsOf(data),
    `${images.length} bytes are not ${sources} images [${imageShape}]`,
  );
  expect(labels.length === sources, `${sources} images have ${labels.length} labels`);
  expect(mean.length === channels && std.length === channels, `${channels} channels have ${mean.length} means`);
  const wrong = labels.findIndex((label) => label >= classes);
  expect(wrong === -1, `image ${wrong} has label ${labels[wrong]}, there are ${classes} classes`);
  if (augmentations === undefined) return;
  const { table, padding } = augmentations;
  expect(table.length === 3 * count, `${count} items have an augmentation table of ${table.length} values`);
  for (let item = 0; item < count; item++)
    expect(
      table[3 * item]! <= 1 && table[3 * item + 1]! <= 2 * padding && table[3 * item + 2]! <= 2 * padding,
      `item ${item} has augmentation (${table.subarray(3 * item, 3 * item + 3)}), the padding is ${padding}`,
    );
}
