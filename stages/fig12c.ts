/** Figure 12c: what VGG10's validation accuracy goes with, where the learning rate is reduced during training. */
import { defineStage } from "../src/stage.ts";
import { drawAssociations } from "./shared/draw-associations.ts";

export default defineStage({
  run: (context) => drawAssociations(context, { name: "fig12c", regime: "reduced" }),
});
