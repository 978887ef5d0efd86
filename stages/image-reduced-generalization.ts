/** As generalization, of models whose learning rate was reduced: ρ's reference is the same seed's lowest constant one. */
import { type DepFile, defineStage, type StageContext } from "../src/stage.ts";
import type { ReducedRow } from "./figures/image-tables.ts";
import type { ModelRow } from "./figures/model-tables.ts";
import { writeGeneralization } from "./shared/generalize.ts";
import { readTables } from "./shared/tables.ts";

type Row = ModelRow & Pick<ReducedRow, "reduction">;

export default defineStage({
  async run(context) {
    const all = (dep: string) => context.depAll(dep);
    writeGeneralization<Row>(
      context,
      { models: distinctModels(context), spectra: all("spectra"), vectors: all("vectors") },
      { models: all("references"), vectors: all("referenceVectors") },
      ({ reduction }) => ({ reduction }),
    );
  },
});

/** Fractions close to each other may start from the same checkpoint: then they are one model, and the first stands for all. */
function distinctModels(context: StageContext): readonly DepFile[] {
  const rows = readTables<Row>(context, "models");
  const firsts = new Map<string, Row>();
  return context.depAll("models").filter((_, i) => {
    const row = rows[i]!;
    const { fraction, at } = row.reduction;
    if (at === null) return true;
    const key = JSON.stringify([row.eta, row.seed, at]);
    const first = firsts.get(key);
    if (first === undefined) firsts.set(key, row);
    else
      context.log(
        `η₀ = ${row.eta}, seed ${row.seed}: fraction ${fraction} starts at epoch ${at} as ${first.reduction.fraction} does, and is left out`,
      );
    return first === undefined;
  });
}
