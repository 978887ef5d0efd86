/** The largest eigenvalues of the Hessian along a trajectory. */
import { trackSpectrum } from "../src/numerics/spectrum.ts";
import { defineStage } from "../src/stage.ts";
import type { SharpnessTable } from "./figures/mlp-tables.ts";
import { inTurn } from "./shared/objective.ts";
import { paramsOf } from "./shared/params.ts";
import { solveTally } from "./shared/solves.ts";
import { openStridedTrajectory } from "./shared/strided-trajectory.ts";
import { writeTable } from "./shared/tables.ts";

export default defineStage(
  inTurn(async (context, objectives) => {
    const { network, k, tol } = paramsOf(context, { network: "sizes", k: "count", tol: "number" });
    const { eta, checkpoints, told } = openStridedTrajectory(context);
    const objective = await objectives(context, network);
    const rows: SharpnessTable["rows"][number][] = [];
    const solves = solveTally({ k, tol });
    for await (const found of trackSpectrum(objective, checkpoints(), k, { tol, confirm: false })) {
      solves.add(found, `epoch ${found.epoch}`);
      // A diverged run ends in a θ that has no spectrum.
      if (found.status === "not-finite") break;
      const scale = Math.abs(found.values[0]!);
      rows.push({
        epoch: found.epoch,
        values: found.values,
        residuals: found.residuals.map((residual) => residual / scale),
        matvecs: found.numMatvecs,
      });
      told(rows.length);
    }
    const summary = solves.summary();
    context.log(
      `${rows.length} checkpoints, ${summary.matvecs} Hessian-vector products, ${summary.unconverged.length} not converged`,
    );
    writeTable(context, "table", { eta, threshold: 2 / eta, k, rows, solves: summary });
  }),
);
