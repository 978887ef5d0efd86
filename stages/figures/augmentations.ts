import type { Rows } from "../../src/figures/compile.ts";
import { encodePng } from "../../src/formats/png.ts";
import { batchOf } from "../../src/numerics/image-batches.ts";
import { firstItems, type ImageData, pixelsOf } from "../../src/numerics/image-data.ts";

/** A sheet of this many images, one a row: the image, then its copies. */
const IMAGES = 8;

/** Rows of the contact sheet: what a network is shown, turned back into bytes; the padding has the mean's colour. */
export function contactSheet(data: ImageData, classes: readonly string[]): Rows {
  const copies = data.augmentations?.copies ?? 0;
  const images = Math.min(IMAGES, data.labels.length);
  const { augmentations: _, ...plain } = data;
  const originals = pictures({ ...plain, count: data.labels.length }, images);
  const augmented = copies === 0 ? [] : pictures(data, images * copies);
  return Array.from({ length: images }, (_row, image) => {
    const row = `${image + 1}. ${classes[data.labels[image]!]}`;
    const cell = (copy: string, url: string | undefined) => ({ row, copy, url });
    return [
      cell("image", originals[image]),
      ...augmented.slice(image * copies, (image + 1) * copies).map((url, copy) => cell(String(copy + 1), url)),
    ];
  }).flat();
}

function pictures(data: ImageData, count: number): string[] {
  const values = new Float64Array(count * pixelsOf(data));
  batchOf(firstItems(data, count), 0, count, values);
  const [channels, height, width] = data.imageShape;
  const plane = height * width;
  return Array.from({ length: count }, (_, item) => {
    const pixels = new Uint8Array(3 * plane);
    for (let p = 0; p < plane; p++)
      for (let channel = 0; channel < 3; channel++) {
        const value = values[(item * channels + channel) * plane + p]!;
        pixels[3 * p + channel] = Math.round(255 * (value * data.std[channel]! + data.mean[channel]!));
      }
    return `data:image/png;base64,${Buffer.from(encodePng(pixels, width, height)).toString("base64")}`;
  });
}
