/** Figure 3: loss and sharpness along the gradient at key epochs of one cycle. */
import { defineStage } from "../src/stage.ts";
import type { LandscapeTable } from "./figures/cycle-tables.ts";
import spec from "./figures/fig03.vl.json" with { type: "json" };
import { figure3Claims } from "./figures/landscape-claims.ts";
import { figure3Data } from "./figures/landscape-rows.ts";
import { readTable } from "./shared/tables.ts";
import { writeFigure } from "./shared/write-figure.ts";

export default defineStage({
  async run(context) {
    const table = readTable<LandscapeTable>(context, "landscape");
    await writeFigure(context, {
      name: "fig03",
      title: "Parameters that grow along the sharpest directions reach the peripheries of the minimum",
      spec,
      data: figure3Data(table),
      claims: figure3Claims(table),
    });
  },
});
