/** Colour images for the convolutional networks as one safetensors file; augmentations are a table beside the images. */
import { embeddedPart } from "../src/data/embedded.ts";
import { type DataFailure, isDataFailure } from "../src/data/failure.ts";
import { cifar10, type ImageDataset, paddedFashionMnist } from "../src/data/image-dataset.ts";
import { type TensorToWrite, writeSafetensors } from "../src/formats/safetensors.ts";
import { drawAugmentations } from "../src/numerics/augmentation.ts";
import { defineStage, type Json, type StageContext, StageError } from "../src/stage.ts";
import { datasetMetadata, datasetTensors, officialOptions } from "./shared/data-file.ts";

interface ImagesSpec {
  readonly source: "embedded" | "cifar-10";
  readonly train: number;
  readonly test: number;
  /** Fixed augmentations of each training image; without it the images as they are. */
  readonly augment?: { readonly copies: number; readonly offsets: number; readonly seed: number };
}

/** Zeros on each side before the crop (PROTOCOL A.0). */
const PADDING = 4;

export default defineStage({
  async run(context) {
    const spec = specOf(context.params);
    const { augment } = spec;
    const dataset = await read(spec, context);
    if (isDataFailure(dataset)) throw new StageError(dataset.message, dataset.remedy);
    const items = spec.train * (augment?.copies ?? 1);
    context.log(`${dataset.name}: ${spec.train} training and ${spec.test} test images, ${items} training items`);
    writeSafetensors(
      context.out("data"),
      { ...datasetTensors(dataset), ...augmentationsOf(items, augment) },
      {
        ...datasetMetadata(dataset),
        ...(augment === undefined ? {} : { augmentations: JSON.stringify({ ...augment, padding: PADDING }) }),
      },
    );
  },
});

function read({ source, train, test }: ImagesSpec, context: StageContext): Promise<ImageDataset | DataFailure> {
  const counts = { train, test };
  if (source === "embedded") {
    const files = context.depAll("embedded").map(({ path }) => path);
    return paddedFashionMnist((part) => embeddedPart(part, files), counts);
  }
  return cifar10(officialOptions(context), counts);
}

function augmentationsOf(items: number, augment: ImagesSpec["augment"]): Record<string, TensorToWrite> {
  if (augment === undefined) return {};
  const { seed, offsets } = augment;
  const data = drawAugmentations({ seed, offsets, padding: PADDING }, 0, items);
  return { "train.augmentations": { dtype: "u8", shape: [items, 3], data } };
}

function specOf(params: Json): ImagesSpec {
  const spec = (params as { readonly spec?: Partial<ImagesSpec> } | null)?.spec;
  const { source, train, test, augment } = spec ?? {};
  const count = (value: unknown): value is number => Number.isInteger(value) && (value as number) > 0;
  const isSound =
    (source === "embedded" || source === "cifar-10") &&
    count(train) &&
    count(test) &&
    (augment === undefined ||
      (count(augment.copies) &&
        count(augment.offsets) &&
        augment.offsets <= 2 * PADDING + 1 &&
        (augment.seed === 0 || count(augment.seed))));
  if (!isSound) {
    throw new StageError(
      `the images' params are ${JSON.stringify(spec)}`,
      `write for example { source: cifar-10, train: 50000, test: 10000, augment: { copies: 10, offsets: 9, seed: 0 } }; source is embedded or cifar-10, augment may be left out, offsets are 1 to ${2 * PADDING + 1}`,
    );
  }
  return { source, train, test, ...(augment === undefined ? {} : { augment }) };
}
