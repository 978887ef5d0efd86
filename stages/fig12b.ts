/** Figure 12b: what VGG10's validation accuracy goes with, at constant learning rates. */
import { defineStage } from "../src/stage.ts";
import { drawAssociations } from "./shared/draw-associations.ts";

export default defineStage({
  run: (context) => drawAssociations(context, { name: "fig12b", regime: "constant" }),
});
