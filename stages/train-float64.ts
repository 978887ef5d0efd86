/** One MLP's trajectory in float64, from the very point that the float32 one starts from. */
import { initialise } from "../src/numerics/networks.ts";
import { defineStage } from "../src/stage.ts";
import { withObjectives } from "./shared/objective.ts";
import { paramsOf } from "./shared/params.ts";
import { trainTogether } from "./shared/training.ts";
import { writeRun } from "./shared/write-run.ts";

/** Epochs between saved states. */
const SAVE_EVERY = 50;

export default defineStage({
  async run(context) {
    const { network, seed, eta, epochs } = paramsOf(context, {
      network: "sizes",
      seed: "count",
      eta: "number",
      epochs: "count",
    });
    await withObjectives(async (objectives) => {
      const objective = await objectives(context, network, { isDouble: true });
      context.log(`float64 on ${objective.runtime.device}`);
      const theta = Float64Array.from(Float32Array.from(initialise(objective.network, seed)));
      const [trained] = await trainTogether(objective, [{ context, theta, rate: eta }], {
        epochs,
        stride: 1,
        saveEvery: SAVE_EVERY,
      });
      await writeRun(context, objective, { seed, eta }, trained!);
    });
  },
});
