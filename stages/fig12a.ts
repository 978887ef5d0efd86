/** Figure 12a: what validation accuracy goes with: learning rate, sharpness, and ρ, the similarity of eigenvectors. */
import { defineStage } from "../src/stage.ts";
import { figure12Data } from "./figures/fig12.ts";
import { figure12Tables } from "./figures/fig12-claims.ts";
import { figure12aSpec, MLP_ROW } from "./figures/fig12a.ts";
import { figure12aClaims } from "./figures/fig12a-claims.ts";
import { readComparable } from "./shared/comparable-models.ts";
import { paramsOf } from "./shared/params.ts";
import { writeFigure } from "./shared/write-figure.ts";

export default defineStage({
  async run(context) {
    const { from, upTo } = paramsOf(context, { from: "number", upTo: "number" });
    const table = readComparable(context, from, "params.models");
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
