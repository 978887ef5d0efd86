/** Figure 5a: validation accuracy over learning rates, below and above the stability threshold. */
import { defineStage, StageError } from "../src/stage.ts";
import { meanAccuracies } from "./figures/fig05.ts";
import { figure5aData, figure5aSpec } from "./figures/fig05a.ts";
import { figure5aClaims } from "./figures/fig05a-claims.ts";
import type { GeneralizationTable } from "./figures/model-tables.ts";
import { readStable } from "./shared/stable.ts";
import { readTable } from "./shared/tables.ts";
import { writeFigure } from "./shared/write-figure.ts";

export default defineStage({
  async run(context) {
    const generalization = readTable<GeneralizationTable>(context, "table");
    const stable = readStable(context);
    if (meanAccuracies("paper", generalization).length === 0)
      throw new StageError(
        "no model completed its training",
        "give params.models.epochs more epochs, or params.models.etas smaller learning rates",
      );
    const tables = { generalization, stable };
    await writeFigure(context, {
      name: "fig05a",
      title: "Generalization performance improves past the stability limit: MLP on Fashion-MNIST",
      spec: figure5aSpec(tables),
      data: figure5aData(tables),
      claims: figure5aClaims(tables),
    });
  },
});
