/** Figure 7: validation accuracies on all of CIFAR-10, the paper's table and ours. */
import { defineStage } from "../src/stage.ts";
import { figure7Data, figure7Spec, figure7Table } from "./figures/fig07.ts";
import { figure7Claims, figure7Tables } from "./figures/fig07-claims.ts";
import type { BigModelTable } from "./figures/image-tables.ts";
import { readTables, writeTable } from "./shared/tables.ts";
import { writeFigure } from "./shared/write-figure.ts";

export default defineStage({
  async run(context) {
    const models = ["models", "reduced"].flatMap((dep) => readTables<BigModelTable>(context, dep));
    const table = figure7Table(models);
    writeTable(context, "table", table);
    await writeFigure(context, {
      name: "fig07",
      title: "Larger learning rates improve generalization on the unconstrained CIFAR-10 data",
      spec: figure7Spec(table),
      data: figure7Data(table),
      claims: figure7Claims(table),
      tables: figure7Tables(table),
    });
  },
});
