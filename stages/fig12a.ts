/** Figure 12a: what validation accuracy goes with: learning rate, sharpness, and ρ, the similarity of eigenvectors. */
import { defineStage, StageError } from "../src/stage.ts";
import { comparable, HEADLINE } from "./figures/correlations.ts";
import { figure12Data } from "./figures/fig12.ts";
import { figure12Tables } from "./figures/fig12-claims.ts";
import { figure12aSpec, MLP_ROW } from "./figures/fig12a.ts";
import { figure12aClaims } from "./figures/fig12a-claims.ts";
import type { GeneralizationTable } from "./figures/model-tables.ts";
import { paramsOf } from "./shared/params.ts";
import { readTable } from "./shared/tables.ts";
import { writeFigure } from "./shared/write-figure.ts";

export default defineStage({
  async run(context) {
    const { from, upTo } = paramsOf(context, { from: "number", upTo: "number" });
    const table = readTable<GeneralizationTable>(context, "table");
    const count = comparable(table.models, from).length;
    if (count < 4 || table.k < 3)
      throw new StageError(
        `${count} models completed their training with ${table.k} eigenvectors each; ${HEADLINE} of four models is wanted`,
        "give params.models more etas or seeds, and a k of 3 or more",
      );
    await writeFigure(context, {
      name: "fig12a",
      title: "Generalization performance with learning rate, sharpness and ρ: MLP on Fashion-MNIST",
      spec: figure12aSpec(table, from),
      data: figure12Data(table, MLP_ROW, from),
      claims: figure12aClaims(table, upTo),
      tables: figure12Tables(table, MLP_ROW),
    });
  },
});
