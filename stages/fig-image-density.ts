/** Beyond the paper: the whole spectrum of image networks' Hessians at the end of training, and its trace. */
import { defineStage } from "../src/stage.ts";
import { imageDensityData, imageDensitySpec } from "./figures/image-curvature.ts";
import { imageDensityClaims } from "./figures/image-curvature-claims.ts";
import { readImageCurvature } from "./shared/image-curvature.ts";
import { paramsOf } from "./shared/params.ts";
import { studyFrom } from "./shared/study.ts";
import { writeFigure } from "./shared/write-figure.ts";

export default defineStage({
  async run(context) {
    const { width } = paramsOf(context, { width: "number" });
    const tables = readImageCurvature(context);
    await writeFigure(context, {
      name: "image-density",
      title: "The whole spectrum of trained image networks",
      spec: imageDensitySpec(studyFrom(context), tables),
      data: imageDensityData(tables, width),
      claims: imageDensityClaims(tables),
    });
  },
});
