/** The sharpness along the training with the lowest learning rate, whose maximum is what the stability threshold 2/S_max means. */
import { trackSpectrum } from "../src/numerics/spectrum.ts";
import { defineStage } from "../src/stage.ts";
import type { ModelRow } from "./figures/model-tables.ts";
import { imagesInTurn } from "./shared/image-objective.ts";
import { openImageTrajectory } from "./shared/image-run.ts";
import { paramsOf } from "./shared/params.ts";
import { recordedProducts } from "./shared/recorded-products.ts";
import { solveTally } from "./shared/solves.ts";
import { readTable, writeTable } from "./shared/tables.ts";

interface Row {
  readonly epoch: number;
  readonly sharpness: number;
  readonly residual: number;
}

export default defineStage(
  imagesInTurn(
    async (context, objectives) => {
      const { tol } = paramsOf(context, { tol: "number" });
      const { eta, seed, ending } = readTable<ModelRow>(context, "model");
      const objective = await objectives(context);
      const trajectory = openImageTrajectory(context.dep("checkpoints").path);
      const rows: Row[] = [];
      const solves = solveTally({ k: 1, tol });
      const products = recordedProducts(context, objective);
      for await (const found of trackSpectrum(products, trajectory.checkpoints(), 1, { tol })) {
        const { epoch, values, residuals, status } = found;
        solves.add(found, `epoch ${epoch}`);
        if (status === "not-finite") break;
        if (status !== "converged") context.log(`epoch ${epoch}: ${status}, residual ${residuals[0]}`);
        rows.push({ epoch, sharpness: values[0]!, residual: residuals[0]! / Math.abs(values[0]!) });
        context.progress({ done: rows.length, total: trajectory.epochs.length, unit: "checkpoints" });
      }
      const highest = rows.reduce<Row | undefined>(
        (best, row) => (best === undefined || row.sharpness > best.sharpness ? row : best),
        undefined,
      );
      const maximum = highest === undefined ? null : { epoch: highest.epoch, sharpness: highest.sharpness };
      const early = ending.reason === "complete" ? "" : `, of a training that was not completed (${ending.reason})`;
      context.log(`η = ${eta}: S at most ${maximum?.sharpness ?? "unknown"}${early}`);
      const about = { before: eta, at: 0, after: eta, seed, ending };
      writeTable(context, "table", { ...about, rows, maximum, solves: solves.summary() }, objective);
    },
    () => undefined,
  ),
);
