/** Beyond the paper: how every eigenproblem was solved. */
import { defineStage } from "../src/stage.ts";
import { convergenceData } from "./figures/convergence.ts";
import spec from "./figures/convergence.vl.json" with { type: "json" };
import type { ConvergenceTable } from "./figures/curvature-tables.ts";
import { readTable } from "./shared/tables.ts";
import { writePicture } from "./shared/write-figure.ts";

export default defineStage({
  async run(context) {
    await writePicture(context, spec, convergenceData(readTable<ConvergenceTable>(context, "table")));
  },
});
