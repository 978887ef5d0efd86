import type { StageContext } from "../../src/stage.ts";
import type { ImageCurvatureTables } from "../figures/image-curvature.ts";
import type { ImageCurvatureTable } from "../figures/image-tables.ts";
import type { SpectrumRow } from "../figures/model-tables.ts";
import { readTables } from "./tables.ts";

/** The deps `curvature` and `spectra` of a figure stage. */
export function readImageCurvature(context: StageContext): ImageCurvatureTables {
  return {
    curvature: readTables<ImageCurvatureTable>(context, "curvature"),
    spectra: readTables<SpectrumRow>(context, "spectra"),
  };
}
