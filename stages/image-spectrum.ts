/** As model-spectrum, for image networks: the Hessian is that of the ghost loss that gradient descent descends. */
import { defineStage } from "../src/stage.ts";
import type { ModelRow } from "./figures/model-tables.ts";
import { createInitialSpectra, writeFinalSpectrum } from "./shared/final-spectrum.ts";
import { imagesInTurn } from "./shared/image-objective.ts";
import { openImageTrajectory } from "./shared/image-run.ts";
import { paramsOf } from "./shared/params.ts";
import { readTable } from "./shared/tables.ts";

export default defineStage(
  imagesInTurn(async (context, objectives, initial) => {
    const { k, tol } = paramsOf(context, { k: "count", tol: "number" });
    const { eta, seed, ending } = readTable<ModelRow>(context, "model");
    const objective = await objectives(context);
    const trajectory = openImageTrajectory(context.dep("checkpoints").path);
    const thetas =
      ending.reason === "complete"
        ? { midpoint: trajectory.near(ending.epoch / 2).theta, final: trajectory.at(ending.epoch).theta }
        : undefined;
    await writeFinalSpectrum(context, objective, { eta, seed }, thetas, initial, { k, tol });
  }, createInitialSpectra),
);
