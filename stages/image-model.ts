/** Image networks of many learning rates and seeds, trained to completion: what Figures 5b, 12b and 13 compare. */
import { initialise } from "../src/numerics/networks.ts";
import { defineStage } from "../src/stage.ts";
import { imagesInTurn } from "./shared/image-objective.ts";
import { limitOf, trainInstance, validationAccuracy, writeImageCheckpoints } from "./shared/image-run.ts";
import { paramsOf } from "./shared/params.ts";
import { finiteOrNull, writeTable } from "./shared/tables.ts";

export default defineStage(
  imagesInTurn(
    async (context, objectives) => {
      const { eta, seed, warmup } = paramsOf(context, { eta: "number", seed: "count", warmup: "count" });
      const objective = await objectives(context);
      const start = { theta: initialise(objective.network, seed) };
      const run = await trainInstance(context, objective, start, { eta, warmup }, limitOf(context, eta));
      const table = {
        eta,
        seed,
        ending: run.ending,
        loss: finiteOrNull(run.loss.at(-1)!),
        trainAccuracy: run.accuracy.at(-1)!,
        validationAccuracy: await validationAccuracy(context, objective, run),
        validationAccuracyAll: null,
      };
      writeTable(context, "table", table, objective);
      writeImageCheckpoints(context, objective, run.checkpoints, run);
    },
    () => undefined,
  ),
);
