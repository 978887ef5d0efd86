/** Beyond the paper: the whole spectrum of the Hessian over training, and its trace. */
import { defineStage } from "../src/stage.ts";
import type { DensityTable, TraceTable } from "./figures/curvature-tables.ts";
import { densityData } from "./figures/density.ts";
import spec from "./figures/density.vl.json" with { type: "json" };
import { paramsOf } from "./shared/params.ts";
import { readTable } from "./shared/tables.ts";
import { writePicture } from "./shared/write-figure.ts";

export default defineStage({
  async run(context) {
    const { width } = paramsOf(context, { width: "number" });
    const tables = {
      density: readTable<DensityTable>(context, "density"),
      trace: readTable<TraceTable>(context, "trace"),
    };
    await writePicture(context, spec, densityData(tables, width));
  },
});
