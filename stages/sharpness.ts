/** The largest eigenvalues of the Hessian along a trajectory. */
import { trackSpectrum } from "../src/numerics/spectrum.ts";
import { defineStage } from "../src/stage.ts";
import type { RunTable, SharpnessTable } from "./figures/mlp-tables.ts";
import { inTurn } from "./shared/objective.ts";
import { paramsOf } from "./shared/params.ts";
import { readTable, writeTable } from "./shared/tables.ts";
import { openTrajectory } from "./shared/tensors.ts";

export default defineStage(
  inTurn(async (context, objectives) => {
    const { network, k, tol, stride } = paramsOf(context, {
      network: "sizes",
      k: "count",
      tol: "number",
      stride: "count",
    });
    const { eta } = readTable<RunTable>(context, "run");
    const trajectory = openTrajectory(context.dep("checkpoints").path);
    const wanted = trajectory.epochs.filter((epoch) => epoch % stride === 0);
    const objective = await objectives(context, network);
    const rows: SharpnessTable["rows"][number][] = [];
    let unconverged = 0;
    for await (const found of trackSpectrum(objective, trajectory.checkpoints(wanted), k, { tol, confirm: false })) {
      // A diverged run ends in a θ that has no spectrum.
      if (found.status === "not-finite") break;
      if (found.status !== "converged") unconverged++;
      const scale = Math.abs(found.values[0]!);
      rows.push({
        epoch: found.epoch,
        values: found.values,
        residuals: found.residuals.map((residual) => residual / scale),
        matvecs: found.numMatvecs,
      });
      context.progress({ done: rows.length, total: wanted.length, unit: "checkpoints" });
    }
    const matvecs = rows.reduce((total, row) => total + row.matvecs, 0);
    context.log(`${rows.length} checkpoints, ${matvecs} Hessian-vector products, ${unconverged} not converged`);
    writeTable(context, "table", { eta, threshold: 2 / eta, k, rows });
  }),
);
