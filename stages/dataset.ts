/** The data set of an experiment as one safetensors file: bytes, labels and the constants that normalise them. */
import { fashionMnist } from "../src/data/dataset.ts";
import { embeddedPart } from "../src/data/embedded.ts";
import { isDataFailure } from "../src/data/failure.ts";
import { officialPart } from "../src/data/official.ts";
import { writeSafetensors } from "../src/formats/safetensors.ts";
import { defineStage, type Json, type StageContext, StageError } from "../src/stage.ts";
import { datasetMetadata, datasetTensors, officialOptions } from "./shared/data-file.ts";

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
    context.log(`${dataset.name}: ${spec.train} training and ${spec.test} test images (${spec.source})`);
    writeSafetensors(context.out("data"), datasetTensors(dataset), datasetMetadata(dataset));
  },
});

function read({ source, train, test }: DatasetSpec, context: StageContext) {
  const counts = { train, test };
  if (source === "embedded") {
    const files = context.depAll("embedded").map(({ path }) => path);
    return fashionMnist((part) => embeddedPart(part, files), counts);
  }
  const options = officialOptions(context);
  return fashionMnist((part) => officialPart(part, options), counts);
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
