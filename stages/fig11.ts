/** Figure 11: loss and sharpness along the gradient, epoch by epoch through one cycle. */
import { defineStage } from "../src/stage.ts";
import type { LandscapeTable } from "./figures/cycle-tables.ts";
import spec from "./figures/fig11.vl.json" with { type: "json" };
import { figure11Claims } from "./figures/landscape-claims.ts";
import { figure11Data } from "./figures/landscape-rows.ts";
import { readTable } from "./shared/tables.ts";
import { writeFigure } from "./shared/write-figure.ts";

export default defineStage({
  async run(context) {
    const table = readTable<LandscapeTable>(context, "landscape");
    await writeFigure(context, {
      name: "fig11",
      title: "The landscapes of Figure 3 through the whole cycle",
      spec,
      data: figure11Data(table),
      claims: figure11Claims(table),
    });
  },
});
