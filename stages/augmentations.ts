/** The augmented training set to look at: some images, each beside its copies. */
import { defineStage } from "../src/stage.ts";
import { contactSheet } from "./figures/augmentations.ts";
import spec from "./figures/augmentations.vl.json" with { type: "json" };
import { readImageData } from "./shared/image-data.ts";
import { metadataOf } from "./shared/tensors.ts";
import { writePicture } from "./shared/write-figure.ts";

export default defineStage({
  async run(context) {
    const { path } = context.dep("data");
    const data = readImageData(path, "train");
    const classes = JSON.parse(metadataOf(path).classes!) as string[];
    await writePicture(context, spec, { sheet: contactSheet(data, classes) });
  },
});
