/** The whole spectrum of the Hessian at five moments of a run: its beginning, around its most prominent instability, its end. */
import { hessianQuadrature } from "../src/numerics/spectral-density.ts";
import { defineStage } from "../src/stage.ts";
import type { DensityTable } from "./figures/curvature-tables.ts";
import type { InstabilitiesTable } from "./figures/mlp-tables.ts";
import { withObjective } from "./shared/objective.ts";
import { paramsOf } from "./shared/params.ts";
import { quadratureParams } from "./shared/quadrature-params.ts";
import type { Snapshot } from "./shared/snapshots.ts";
import { readTable, writeTable } from "./shared/tables.ts";
import { openTrajectory } from "./shared/tensors.ts";

interface Instabilities extends InstabilitiesTable {
  readonly snapshots: readonly Snapshot[];
}

export default defineStage({
  async run(context) {
    const { network } = paramsOf(context, { network: "sizes" });
    const { probes, steps } = quadratureParams(context);
    const { eta, threshold, snapshots } = readTable<Instabilities>(context, "instabilities");
    const { baseline, peak, end } = snapshots.reduce((best, each) => (each.prominence > best.prominence ? each : best));
    const trajectory = openTrajectory(context.dep("checkpoints").path);
    const moments = [
      { role: "initial", epoch: trajectory.epochs[0]! },
      { role: "before", epoch: baseline },
      { role: "peak", epoch: peak },
      { role: "after", epoch: end },
      { role: "last", epoch: trajectory.epochs.at(-1)! },
    ] as const;
    await withObjective(context, network, async (objective) => {
      const rows: DensityTable["rows"][number][] = [];
      for (const { role, epoch } of moments) {
        const { quadratures, status } = await hessianQuadrature(objective, trajectory.at(epoch), { probes, steps });
        // A run ends in the θ that diverged.
        if (status === "not-finite") break;
        rows.push({ epoch, role, quadratures });
        context.progress({ done: rows.length, total: moments.length, unit: "spectra" });
      }
      const table: DensityTable = { eta, threshold, parameters: objective.numParams, steps, rows };
      writeTable(context, "table", table);
    });
  },
});
