/** Figure 8: rotations of the top subspace are smooth over even periods only. */
import { defineStage } from "../src/stage.ts";
import type { PeriodsTable } from "./figures/cycle-tables.ts";
import { figure8Data } from "./figures/fig08.ts";
import spec from "./figures/fig08.vl.json" with { type: "json" };
import { figure8Claims } from "./figures/fig08-claims.ts";
import { readTable } from "./shared/tables.ts";
import { writeFigure } from "./shared/write-figure.ts";

export default defineStage({
  async run(context) {
    const table = readTable<PeriodsTable>(context, "periods");
    await writeFigure(context, {
      name: "fig08",
      title: "The sharpest eigenvectors rotate smoothly only when seen over even periods",
      spec,
      data: figure8Data(table),
      claims: figure8Claims(table),
    });
  },
});
