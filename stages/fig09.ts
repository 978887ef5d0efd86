/** Figure 9: the magnitude of oscillations divides training into phases. */
import { defineStage } from "../src/stage.ts";
import { type Figure9Tables, figure9Data } from "./figures/fig09.ts";
import spec from "./figures/fig09.vl.json" with { type: "json" };
import { figure9Claims } from "./figures/fig09-claims.ts";
import { readTable } from "./shared/tables.ts";
import { writeFigure } from "./shared/write-figure.ts";

export default defineStage({
  async run(context) {
    const tables: Figure9Tables = {
      run: readTable(context, "run"),
      sharpening: readTable(context, "sharpening"),
      instabilities: readTable(context, "instabilities"),
    };
    await writeFigure(context, {
      name: "fig09",
      title: "The magnitude of oscillations divides stable and unstable phases of training",
      spec,
      data: figure9Data(tables),
      claims: figure9Claims(tables),
    });
  },
});
