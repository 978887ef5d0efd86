/** The data set of an experiment as one safetensors file: bytes, labels and the constants that normalise them. */
import { type Dataset, fashionMnist } from "../src/data/dataset.ts";
import { embeddedPart } from "../src/data/embedded.ts";
import { isDataFailure } from "../src/data/failure.ts";
import { officialPart } from "../src/data/official.ts";
import { writeSafetensors } from "../src/formats/safetensors.ts";
import { defineStage, type Json, type StageContext, StageError } from "../src/stage.ts";

interface DatasetSpec {
  readonly source: "embedded" | "official";
  readonly train: number;
  readonly test: number;
}

export default defineStage({
  async run(context) {
    const spec = specOf(context.params);
    const dataset = await read(spec, context);
    if (isDataFailure(dataset)) throw new StageError(dataset.message, dataset.remedy);
    const { train, test } = dataset;
    context.log(`${dataset.name}: ${spec.train} training and ${spec.test} test images (${spec.source})`);
    writeSafetensors(
      context.out("data"),
      {
        "train.images": { dtype: "u8", shape: train.images.shape, data: train.images.values },
        "train.labels": { dtype: "u8", shape: train.labels.shape, data: train.labels.values },
        "test.images": { dtype: "u8", shape: test.images.shape, data: test.images.values },
        "test.labels": { dtype: "u8", shape: test.labels.shape, data: test.labels.values },
      },
      metadataOf(dataset),
    );
  },
});

function read({ source, train, test }: DatasetSpec, context: StageContext) {
  const counts = { train, test };
  if (source === "embedded") {
    const files = context.depAll("embedded").map(({ path }) => path);
    return fashionMnist((part) => embeddedPart(part, files), counts);
  }
  return fashionMnist(
    (part) =>
      officialPart(part, {
        env: process.env,
        log: (line) => context.log(line),
        onProgress: (name, received, total) =>
          context.progress({ done: received, total: total ?? received, unit: "bytes", message: name }),
      }),
    counts,
  );
}

/**
 * The same images give the same bytes wherever they came from: neither the source nor the key is written, so a switch from
 * the embedded to the official files leaves everything downstream fresh.
 */
function metadataOf({ name, mean, std, classes, fingerprint }: Dataset): Record<string, string> {
  return {
    name,
    mean: String(mean),
    std: String(std),
    classes: JSON.stringify(classes),
    fingerprint: JSON.stringify(fingerprint),
  };
}

function specOf(params: Json): DatasetSpec {
  const spec = (params as { readonly spec?: Partial<DatasetSpec> } | null)?.spec;
  const { source, train, test } = spec ?? {};
  const count = (value: unknown): value is number => Number.isInteger(value) && (value as number) > 0;
  if ((source !== "embedded" && source !== "official") || !count(train) || !count(test)) {
    throw new StageError(
      `the data set's params are ${JSON.stringify(spec)}`,
      "write for example { source: embedded, train: 1000, test: 200 }; source is embedded or official",
    );
  }
  return { source, train, test };
}
