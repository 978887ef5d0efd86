/** All trained models in one table, and what their validation accuracy correlates with (the paper's Figure 12). */
import { readFileSync } from "node:fs";
import type { FloatArray } from "../src/numerics/float-array.ts";
import { nestedSimilarities } from "../src/numerics/similarity.ts";
import { type DepFile, defineStage, type StageContext } from "../src/stage.ts";
import { correlationsOf } from "./figures/correlations.ts";
import type { GeneralizationRow, ModelRow, SpectrumRow } from "./figures/model-tables.ts";
import { paramsOf } from "./shared/params.ts";
import { writeTable } from "./shared/tables.ts";
import { tensorOf } from "./shared/tensors.ts";

export default defineStage({
  async run(context) {
    const { k, from, upTo } = paramsOf(context, { k: "count", from: "number", upTo: "number" });
    const spectra = byModel(context, "spectra");
    const vectors = byModel(context, "vectors");
    const models = context.depAll("models").map((file) => read<ModelRow>(file));
    const complete = models.filter(({ ending }) => ending.reason === "complete");
    const references = new Map<number, { readonly eta: number; readonly vectors: readonly FloatArray[] }>();
    for (const { eta, seed } of [...complete].sort((a, b) => a.eta - b.eta))
      if (!references.has(seed)) references.set(seed, { eta, vectors: vectorsOf(vectors.get(nameOf(eta, seed))!) });
    const rows = models.map((model, done): GeneralizationRow => {
      const { eta, seed, ending, validationAccuracy, validationAccuracyAll } = model;
      const { values, similarity } = read<SpectrumRow>(spectra.get(nameOf(eta, seed))!);
      context.progress({ done, total: models.length, unit: "models" });
      const reference = references.get(seed);
      return {
        eta,
        seed,
        ending,
        validationAccuracy,
        validationAccuracyAll,
        sharpness: values[0] ?? null,
        similarity: similarity && {
          ...similarity,
          lowest:
            reference === undefined || reference.eta === eta
              ? null
              : nestedSimilarities(reference.vectors, vectorsOf(vectors.get(nameOf(eta, seed))!)),
        },
      };
    });
    context.log(`${complete.length} of ${models.length} models completed their training`);
    const correlations = correlationsOf(rows, { k, from, upTo });
    writeTable(context, "table", { k, models: rows, correlations });
  },
});

const nameOf = (eta: unknown, seed: unknown): string => `${eta} ${seed}`;

function byModel(context: StageContext, dep: string): Map<string, DepFile> {
  return new Map(context.depAll(dep).map((file) => [nameOf(file.instance.eta, file.instance.seed), file]));
}

function read<T>({ path }: DepFile): T {
  return JSON.parse(readFileSync(path, "utf8")) as T;
}

function vectorsOf({ path }: DepFile): FloatArray[] {
  const { shape, data } = tensorOf(path, "vectors");
  const [count, length] = shape as [number, number];
  return Array.from({ length: count }, (_, i) => data.subarray(i * length, (i + 1) * length) as FloatArray);
}
