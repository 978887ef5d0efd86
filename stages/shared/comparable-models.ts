import { type StageContext, StageError } from "../../src/stage.ts";
import { comparable, HEADLINE } from "../figures/correlations.ts";
import type { GeneralizationTable } from "../figures/model-tables.ts";
import { readTable } from "./tables.ts";

/**
 * A figure stage's dep `table`, with models enough that their correlations say something. `params`: where the configuration
 * asks for more.
 */
export function readComparable(context: StageContext, from: number, params: string): GeneralizationTable {
  const table = readTable<GeneralizationTable>(context, "table");
  const count = comparable(table.models, from).length;
  if (count < 4 || table.k < 3)
    throw new StageError(
      `${count} models completed their training with ${table.k} eigenvectors each; ${HEADLINE} of four models is wanted`,
      `give ${params} more etas or seeds, and a k of 3 or more`,
    );
  return table;
}
