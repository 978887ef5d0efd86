/** Figure 2's run in float64 beside itself: when the paths part, and whether both do the same. */
import { readFileSync } from "node:fs";
import { defineStage, type StageContext } from "../src/stage.ts";
import type { Figure2Tables } from "./figures/mlp-tables.ts";
import { precisionData } from "./figures/precision.ts";
import spec from "./figures/precision.vl.json" with { type: "json" };
import { precisionClaims } from "./figures/precision-claims.ts";
import { paramsOf } from "./shared/params.ts";
import { writeFigure } from "./shared/write-figure.ts";

export default defineStage({
  async run(context) {
    const { parted } = paramsOf(context, { parted: "number" });
    const tables = {
      single: readAll(context, ""),
      double: readAll(context, "64"),
      paths: read<Parameters<typeof precisionData>[0]["paths"]>(context, "paths"),
      parted,
    };
    await writeFigure(context, {
      name: "precision",
      title:
        "Figure 2's run in float64: the same instabilities until chaos has amplified the rounding, the same kind after",
      spec,
      data: precisionData(tables),
      claims: precisionClaims(tables),
    });
  },
});

function readAll(context: StageContext, suffix: string): Figure2Tables {
  return {
    run: read(context, `run${suffix}`),
    sharpness: read(context, `sharpness${suffix}`),
    instabilities: read(context, `instabilities${suffix}`),
    similarity: read(context, `similarity${suffix}`),
    interventions: read(context, `interventions${suffix}`),
  };
}

function read<T>(context: StageContext, name: string): T {
  return JSON.parse(readFileSync(context.dep(name).path, "utf8")) as T;
}
