import { readFileSync } from "node:fs";
import type { FloatArray } from "../../src/numerics/float-array.ts";
import { nestedSimilarities } from "../../src/numerics/similarity.ts";
import type { DepFile, StageContext } from "../../src/stage.ts";
import { correlationsOf } from "../figures/correlations.ts";
import type { GeneralizationRow, ModelRow, SpectrumRow } from "../figures/model-tables.ts";
import { paramsOf } from "./params.ts";
import { writeTable } from "./tables.ts";
import { tensorOf } from "./tensors.ts";

/** Trained models by the outs of their stages; files of one instance belong together. */
export interface ModelFiles {
  readonly models: readonly DepFile[];
  readonly spectra: readonly DepFile[];
  readonly vectors: readonly DepFile[];
}

interface Reference {
  readonly eta: number;
  /** The instance that it is. */
  readonly instance: string;
  readonly vectors: readonly FloatArray[];
}

/**
 * Writes the out `table` (schema `generalization`): all models, and what their validation accuracy correlates with.
 *
 * @param references where the eigenvectors of each seed's lowest learning rate are found, which ρ's `lowest` refers to;
 *   the models themselves unless given
 * @param more what a model's table says besides, to be kept in its row
 */
export function writeGeneralization<Row extends ModelRow>(
  context: StageContext,
  { models: files, spectra, vectors }: ModelFiles,
  references: Omit<ModelFiles, "spectra"> = { models: files, vectors },
  more: (row: Row) => object = () => ({}),
): void {
  const { k, from, upTo } = paramsOf(context, { k: "count", from: "number", upTo: "number" });
  const [spectrumOf, vectorsFileOf] = [byInstance(spectra), byInstance(vectors)];
  const referenceOf = lowestOf(references);
  const rows = files.map((file, done): GeneralizationRow => {
    const model = read<Row>(file);
    const { eta, seed, ending, validationAccuracy, validationAccuracyAll } = model;
    const instance = nameOf(file);
    const { values, similarity } = read<SpectrumRow>(spectrumOf.get(instance)!);
    context.progress({ done, total: files.length, unit: "models" });
    const reference = referenceOf.get(seed);
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
          reference === undefined || reference.instance === instance
            ? null
            : nestedSimilarities(reference.vectors, vectorsOf(vectorsFileOf.get(instance)!)),
      },
      ...more(model),
    };
  });
  const complete = rows.filter(({ ending }) => ending.reason === "complete").length;
  context.log(`${complete} of ${rows.length} models completed their training`);
  writeTable(context, "table", { k, models: rows, correlations: correlationsOf(rows, { k, from, upTo }) });
}

/** By seed, the completed model of the lowest learning rate. */
function lowestOf({ models, vectors }: Omit<ModelFiles, "spectra">): Map<number, Reference> {
  const fileOf = byInstance(vectors);
  const lowest = new Map<number, { readonly eta: number; readonly instance: string }>();
  for (const file of models) {
    const { eta, seed, ending } = read<ModelRow>(file);
    const known = lowest.get(seed);
    if (ending.reason === "complete" && (known === undefined || eta < known.eta))
      lowest.set(seed, { eta, instance: nameOf(file) });
  }
  return new Map(
    [...lowest].map(([seed, { eta, instance }]) => [
      seed,
      { eta, instance, vectors: vectorsOf(fileOf.get(instance)!) },
    ]),
  );
}

/** The instance's matrix values, whatever their order. */
function nameOf({ instance }: DepFile): string {
  return Object.entries(instance)
    .map(([key, value]) => `${key}=${value}`)
    .sort()
    .join(",");
}

function byInstance(files: readonly DepFile[]): Map<string, DepFile> {
  return new Map(files.map((file) => [nameOf(file), file]));
}

function read<T>({ path }: DepFile): T {
  return JSON.parse(readFileSync(path, "utf8")) as T;
}

function vectorsOf({ path }: DepFile): FloatArray[] {
  const { shape, data } = tensorOf(path, "vectors");
  const [count, length] = shape as [number, number];
  return Array.from({ length: count }, (_, i) => data.subarray(i * length, (i + 1) * length) as FloatArray);
}
