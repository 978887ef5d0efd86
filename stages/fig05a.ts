/** Figure 5a: validation accuracy over learning rates, below and above the stability threshold. */
import { readFileSync } from "node:fs";
import { defineStage, StageError } from "../src/stage.ts";
import { figure5aData, meanAccuracies } from "./figures/fig05a.ts";
import spec from "./figures/fig05a.vl.json" with { type: "json" };
import { figure5aClaims } from "./figures/fig05a-claims.ts";
import type { EventualSharpness, GeneralizationTable } from "./figures/model-tables.ts";
import { writeFigure } from "./shared/write-figure.ts";

export default defineStage({
  async run(context) {
    const read = (path: string): unknown => JSON.parse(readFileSync(path, "utf8"));
    const generalization = read(context.dep("table").path) as GeneralizationTable;
    const stable = context.depAll("stable").map(({ path }) => read(path) as EventualSharpness);
    if (meanAccuracies("paper", generalization).length === 0)
      throw new StageError(
        "no model completed its training",
        "give params.models.epochs more epochs, or params.models.etas smaller learning rates",
      );
    const tables = { generalization, stable };
    await writeFigure(context, {
      name: "fig05a",
      title: "Generalization performance improves past the stability limit: MLP on Fashion-MNIST",
      spec,
      data: figure5aData(tables),
      claims: figure5aClaims(tables),
    });
  },
});
