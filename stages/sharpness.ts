/** The largest eigenvalues of the Hessian along a trajectory. */
import { trackSpectrum } from "../src/numerics/spectrum.ts";
import { defineStage } from "../src/stage.ts";
import type { RunTable, SharpnessTable } from "./figures/mlp-tables.ts";
import { inTurn } from "./shared/objective.ts";
import { paramsOf } from "./shared/params.ts";
import { solveTally } from "./shared/solves.ts";
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
    const solves = solveTally({ k, tol });
    for await (const found of trackSpectrum(objective, trajectory.checkpoints(wanted), k, { tol, confirm: false })) {
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
      context.progress({ done: rows.length, total: wanted.length, unit: "checkpoints" });
    }
    const summary = solves.summary();
    context.log(
      `${rows.length} checkpoints, ${summary.matvecs} Hessian-vector products, ${summary.unconverged.length} not converged`,
    );
    writeTable(context, "table", { eta, threshold: 2 / eta, k, rows, solves: summary });
  }),
);
