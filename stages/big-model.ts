/** One cell of Figure 7's table: a network, a data set, a learning rate, and at which training accuracy it is reduced. */
import { initialise } from "../src/numerics/networks.ts";
import { defineStage, type StageContext } from "../src/stage.ts";
import type { BigModelTable } from "./figures/image-tables.ts";
import { imagesInTurn } from "./shared/image-objective.ts";
import { limitOf, trainInstance, validationAccuracy } from "./shared/image-run.ts";
import { paramsOf } from "./shared/params.ts";
import { studyOf } from "./shared/study.ts";
import { finiteOrNull, writeTable } from "./shared/tables.ts";

export default defineStage(
  imagesInTurn(
    async (context, objectives) => {
      const { row, network, eta, seed, warmup } = paramsOf(context, {
        row: "text",
        network: "network",
        eta: "number",
        seed: "count",
        warmup: "count",
      });
      const objective = await objectives(context);
      const reduce = reduceOf(context);
      const run = await trainInstance(
        context,
        objective,
        { theta: initialise(objective.network, seed) },
        { eta, warmup, ...(reduce === undefined ? {} : { reduce }) },
        limitOf(context, reduce === undefined ? eta : Math.min(eta, reduce.to)),
      );
      const { ending, loss, accuracy, reducedAt } = run;
      const table: BigModelTable = {
        row: row as BigModelTable["row"],
        study: studyOf(context.dep("data").path, network),
        eta,
        seed,
        ending,
        loss: finiteOrNull(loss.at(-1)!),
        trainAccuracy: accuracy.at(-1)!,
        validationAccuracy: await validationAccuracy(context, objective, run),
        reduction:
          reduce === undefined
            ? null
            : { ...reduce, at: reducedAt, trainAccuracy: reducedAt === null ? null : accuracy[reducedAt]! },
      };
      writeTable(context, "table", table, objective);
    },
    () => undefined,
  ),
);

/** Params `to` and `atAccuracy`, of the rows whose learning rate is reduced. */
function reduceOf(context: StageContext): { readonly to: number; readonly atAccuracy: number } | undefined {
  if ((context.params as { readonly to?: unknown }).to === undefined) return undefined;
  const { to, atAccuracy } = paramsOf(context, { to: "number", atAccuracy: "number" });
  return { to, atAccuracy };
}
