import { checkImageData, type ImageData } from "../../src/numerics/image-data.ts";
import { StageError } from "../../src/stage.ts";
import { metadataOf, tensorOf } from "./tensors.ts";

/** One split of an artifact of schema `images`: bytes, labels, and the augmentations where there are any. */
export function readImageData(path: string, split: "train" | "test"): ImageData {
  const { mean, std, classes, augmentations } = metadataOf(path);
  const { shape, data } = tensorOf(path, `${split}.images`, { dtype: "u8" });
  const [count, ...imageShape] = shape;
  if (count === undefined || imageShape.length !== 3)
    throw new StageError(`${path} holds images [${shape}], expected [N, C, H, W]`, "name an out of stages/images.ts");
  const base = {
    count,
    classes: (JSON.parse(classes!) as unknown[]).length,
    imageShape: imageShape as [number, number, number],
    images: data as Uint8Array,
    labels: tensorOf(path, `${split}.labels`, { dtype: "u8" }).data as Uint8Array,
    mean: JSON.parse(mean!) as number[],
    std: JSON.parse(std!) as number[],
  };
  const result = split === "train" && augmentations !== undefined ? augmented(path, base, augmentations) : base;
  checkImageData(result);
  return result;
}

function augmented(path: string, base: ImageData, metadata: string): ImageData {
  const { copies, padding } = JSON.parse(metadata) as { readonly copies: number; readonly padding: number };
  const table = tensorOf(path, "train.augmentations", { dtype: "u8" }).data as Uint8Array;
  return { ...base, count: base.count * copies, augmentations: { copies, padding, table } };
}
