import type { Dataset } from "../../src/data/dataset.ts";
import type { ImageDataset } from "../../src/data/image-dataset.ts";
import type { OfficialOptions } from "../../src/data/official.ts";
import type { TensorToWrite } from "../../src/formats/safetensors.ts";
import type { StageContext } from "../../src/stage.ts";

type AnyDataset = Dataset | ImageDataset;

/** How a stage fetches official files. */
export function officialOptions(context: StageContext): OfficialOptions {
  return {
    env: process.env,
    log: (line) => context.log(line),
    onProgress: (name, received, total) =>
      context.progress({ done: received, total: total ?? received, unit: "bytes", message: name }),
  };
}

/** Bytes and labels of both splits. */
export function datasetTensors(dataset: AnyDataset): Record<string, TensorToWrite> {
  return { ...splitTensors(dataset, "train"), ...splitTensors(dataset, "test") };
}

function splitTensors(dataset: AnyDataset, split: "train" | "test"): Record<string, TensorToWrite> {
  const { images, labels } = dataset[split];
  return {
    [`${split}.images`]: { dtype: "u8", shape: images.shape, data: images.values },
    [`${split}.labels`]: { dtype: "u8", shape: labels.shape, data: labels.values },
  };
}

/**
 * The same images give the same bytes wherever they came from: neither the source nor the key is written, so a switch from
 * the embedded to the official files leaves everything downstream fresh.
 */
export function datasetMetadata({ name, mean, std, classes, fingerprint }: AnyDataset): Record<string, string> {
  return {
    name,
    mean: JSON.stringify(mean),
    std: JSON.stringify(std),
    classes: JSON.stringify(classes),
    fingerprint: JSON.stringify(fingerprint),
  };
}
