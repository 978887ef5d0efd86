/** What drives the sharpness along a run: progressive sharpening α = −∇L·∇S, and oscillation |θ − θ*|. */
import { sharpeningRate } from "../src/numerics/objective.ts";
import { oscillation } from "../src/numerics/oscillation.ts";
import { trackSpectrum } from "../src/numerics/spectrum.ts";
import { defineStage } from "../src/stage.ts";
import type { SharpeningTable } from "./figures/cycle-tables.ts";
import type { InstabilitiesTable } from "./figures/mlp-tables.ts";
import { withObjective } from "./shared/objective.ts";
import { paramsOf } from "./shared/params.ts";
import { solveTally } from "./shared/solves.ts";
import { readTable, writeTable } from "./shared/tables.ts";
import { openTrajectory, type Trajectory } from "./shared/tensors.ts";

/** Epochs shown after the last snapshot. */
const AFTER = 10;

/** ∇S = D³L[v₁, v₁, ·] asks for a simple λ₁ (PROTOCOL B.4). */
const SIMPLE = 0.01;

export default defineStage({
  async run(context) {
    const { network, tol, count } = paramsOf(context, { network: "sizes", tol: "number", count: "count" });
    const { eta, threshold, snapshots } = readTable<InstabilitiesTable>(context, "instabilities");
    const end = snapshots[Math.min(count, snapshots.length) - 1]!.end + AFTER;
    const trajectory = openTrajectory(context.dep("checkpoints").path);
    const wanted = trajectory.epochs.filter((epoch) => epoch <= end);
    const last = trajectory.epochs.at(-1)!;
    await withObjective(context, network, async (objective) => {
      const rows: SharpeningTable["rows"][number][] = [];
      let multiple = 0;
      const solves = solveTally({ k: 2, tol });
      for await (const pairs of trackSpectrum(objective, trajectory.checkpoints(wanted), 2, { tol, confirm: false })) {
        const { epoch, status, values, vectors } = pairs;
        solves.add(pairs, `epoch ${epoch}`);
        if (status === "not-finite") break;
        const theta = trajectory.at(epoch);
        const [alpha] = await sharpeningRate(objective, theta, vectors[0]!);
        const gap = (values[0]! - values[1]!) / values[0]!;
        if (gap < SIMPLE) multiple++;
        rows.push({
          epoch,
          sharpness: values[0]!,
          gap,
          alpha: alpha!,
          oscillation: epoch > 0 && epoch < last ? oscillationAt(trajectory, epoch) : null,
        });
        context.progress({ done: rows.length, total: wanted.length, unit: "epochs" });
      }
      context.log(`${rows.length} epochs, λ₁ within ${100 * SIMPLE} % of λ₂ at ${multiple} of them`);
      const table: SharpeningTable = { eta, threshold, rows };
      writeTable(context, "table", { ...table, solves: solves.summary() });
    });
  },
});

function oscillationAt(trajectory: Trajectory, epoch: number): number {
  return oscillation(trajectory.at(epoch - 1), trajectory.at(epoch), trajectory.at(epoch + 1));
}
