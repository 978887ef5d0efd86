/** Beyond the paper: the sharpness of each layer of image networks at the end of training. */
import { defineStage } from "../src/stage.ts";
import { imageLayersData, imageLayersSpec } from "./figures/image-curvature.ts";
import { imageLayersClaims } from "./figures/image-curvature-claims.ts";
import { readImageCurvature } from "./shared/image-curvature.ts";
import { studyFrom } from "./shared/study.ts";
import { writeFigure } from "./shared/write-figure.ts";

export default defineStage({
  async run(context) {
    const tables = readImageCurvature(context);
    await writeFigure(context, {
      name: "image-layers",
      title: "The sharpness of each layer of trained image networks",
      spec: imageLayersSpec(studyFrom(context), tables),
      data: imageLayersData(tables),
      claims: imageLayersClaims(tables),
    });
  },
});
