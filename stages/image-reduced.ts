/**
 * Image networks whose learning rate is reduced at some fraction of their training, to completion (Figures 6 and 12c): each
 * goes on from a kept checkpoint of the run of the same η₀ and seed.
 */
import { defineStage } from "../src/stage.ts";
import type { FractionReduction } from "./figures/image-tables.ts";
import type { ModelRow } from "./figures/model-tables.ts";
import { imagesInTurn } from "./shared/image-objective.ts";
import {
  limitOf,
  openImageTrajectory,
  trainInstance,
  validationAccuracy,
  writeImageCheckpoints,
} from "./shared/image-run.ts";
import { paramsOf } from "./shared/params.ts";
import { finiteOrNull, readTable, writeTable } from "./shared/tables.ts";

export default defineStage(
  imagesInTurn(
    async (context, objectives) => {
      const { eta, seed, fraction, small } = paramsOf(context, {
        eta: "number",
        seed: "count",
        fraction: "number",
        small: "number",
      });
      const objective = await objectives(context);
      const full = readTable<ModelRow>(context, "model");
      const trajectory = openImageTrajectory(context.dep("checkpoints").path);
      const about = { eta, seed };
      const reduction = { fraction, of: full.ending.epoch, to: small };
      if (full.ending.reason !== "complete") {
        // There is no training to completion of which this could be a fraction.
        const { ending, loss, trainAccuracy, validationAccuracy, validationAccuracyAll } = full;
        const never: FractionReduction = { ...reduction, at: null, trainAccuracy: null };
        const outcome = { ending, loss, trainAccuracy, validationAccuracy, validationAccuracyAll };
        writeTable(context, "table", { ...about, ...outcome, reduction: never }, objective);
        const last = trajectory.at(ending.epoch);
        return writeImageCheckpoints(context, objective, [], { ...last, ending });
      }
      const before = [...trajectory.checkpoints()].slice(0, -1);
      const start = trajectory.near(Math.min(fraction * full.ending.epoch, before.at(-1)!.epoch));
      const run = await trainInstance(
        context,
        objective,
        { theta: start.theta, statistics: start.statistics, firstEpoch: start.epoch },
        { eta: small, warmup: 0 },
        limitOf(context, small),
      );
      const at: FractionReduction = { ...reduction, at: start.epoch, trainAccuracy: run.accuracy[0]! };
      const table = {
        ...about,
        ending: run.ending,
        loss: finiteOrNull(run.loss.at(-1)!),
        trainAccuracy: run.accuracy.at(-1)!,
        validationAccuracy: await validationAccuracy(context, objective, run),
        validationAccuracyAll: null,
        reduction: at,
      };
      writeTable(context, "table", table, objective);
      const since = run.checkpoints.filter(({ epoch }) => epoch > start.epoch);
      const path = before.filter(({ epoch }) => epoch <= start.epoch);
      writeImageCheckpoints(context, objective, [...path, ...since], run);
    },
    () => undefined,
  ),
);
