/** The augmented training set to look at: some images, each beside its copies. */
import { writeFileSync } from "node:fs";
import { renderFigure } from "../src/figures/render.ts";
import { defineStage } from "../src/stage.ts";
import { contactSheet } from "./figures/augmentations.ts";
import spec from "./figures/augmentations.vl.json" with { type: "json" };
import { readImageData } from "./shared/image-data.ts";
import { metadataOf } from "./shared/tensors.ts";

export default defineStage({
  async run(context) {
    const { path } = context.dep("data");
    const data = readImageData(path, "train");
    const classes = JSON.parse(metadataOf(path).classes!) as string[];
    const figure = await renderFigure(spec, { sheet: contactSheet(data, classes) });
    writeFileSync(context.out("spec"), `${JSON.stringify(figure.spec)}\n`);
    writeFileSync(context.out("svg"), figure.svg);
    writeFileSync(context.out("png"), figure.png);
  },
});
