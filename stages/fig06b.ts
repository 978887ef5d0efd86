/** Figure 6b: the validation accuracy of models whose large learning rate is reduced during training. */
import { defineStage } from "../src/stage.ts";
import { drawReductions } from "./shared/draw-reductions.ts";

export default defineStage({
  run: (context) => drawReductions(context, { name: "fig06b", quantity: "accuracy" }),
});
