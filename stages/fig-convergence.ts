/** Beyond the paper: how every eigenproblem was solved. */
import { defineStage } from "../src/stage.ts";
import { convergenceData, convergenceSpec } from "./figures/convergence.ts";
import type { ConvergenceTable } from "./figures/curvature-tables.ts";
import { readTable } from "./shared/tables.ts";
import { writePicture } from "./shared/write-figure.ts";

export default defineStage({
  async run(context) {
    const table = readTable<ConvergenceTable>(context, "table");
    await writePicture(context, convergenceSpec(table), convergenceData(table));
  },
});
