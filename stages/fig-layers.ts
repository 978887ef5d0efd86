/** Beyond the paper: the sharpness of each layer. */
import { defineStage } from "../src/stage.ts";
import type { LayersTable } from "./figures/curvature-tables.ts";
import { layersData } from "./figures/layers.ts";
import spec from "./figures/layers.vl.json" with { type: "json" };
import type { SharpnessTable } from "./figures/mlp-tables.ts";
import { readTable } from "./shared/tables.ts";
import { writePicture } from "./shared/write-figure.ts";

export default defineStage({
  async run(context) {
    const tables = {
      layers: readTable<LayersTable>(context, "layers"),
      sharpness: readTable<SharpnessTable>(context, "sharpness"),
    };
    await writePicture(context, spec, layersData(tables));
  },
});
