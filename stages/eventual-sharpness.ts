/** How sharp a model gets once its learning rate is reduced: S over the checkpoints since then, and its maximum. */
import { trackSpectrum } from "../src/numerics/spectrum.ts";
import { defineStage } from "../src/stage.ts";
import type { ReducedRun } from "./figures/model-tables.ts";
import { inTurn } from "./shared/objective.ts";
import { paramsOf } from "./shared/params.ts";
import { solveTally } from "./shared/solves.ts";
import { readTable, writeTable } from "./shared/tables.ts";
import { openTrajectory } from "./shared/tensors.ts";

/** In units of 1/η: what an instability at the switch leaves in the sharp directions has decayed by e⁻² or more, S ≥ 2/η. */
const SETTLING = 1;

export default defineStage(
  inTurn(async (context, objectives) => {
    const { network, tol } = paramsOf(context, { network: "sizes", tol: "number" });
    const { before, at, after, seed, ending } = readTable<ReducedRun>(context, "run");
    const trajectory = openTrajectory(context.dep("checkpoints").path);
    // Where training ended before the switch its final θ is all there is.
    const epochs = trajectory.epochs.filter((epoch) => epoch >= at);
    const rows: { epoch: number; sharpness: number; residual: number }[] = [];
    const solves = solveTally({ k: 1, tol });
    const objective = await objectives(context, network);
    for await (const found of trackSpectrum(objective, trajectory.checkpoints(epochs), 1, { tol })) {
      const { epoch, values, residuals, status } = found;
      solves.add(found, `epoch ${epoch}`);
      if (status === "not-finite") break;
      rows.push({ epoch, sharpness: values[0]!, residual: residuals[0]! / Math.abs(values[0]!) });
      context.progress({ done: rows.length, total: epochs.length, unit: "checkpoints" });
    }
    const settled = rows.filter(({ epoch }) => at === 0 || epoch >= at + SETTLING / after);
    const highest = settled.reduce<(typeof rows)[number] | undefined>(
      (best, row) => (best === undefined || row.sharpness > best.sharpness ? row : best),
      undefined,
    );
    const maximum = highest === undefined ? null : { epoch: highest.epoch, sharpness: highest.sharpness };
    context.log(`S at most ${maximum?.sharpness ?? "unknown"}`);
    writeTable(context, "table", { before, at, after, seed, ending, rows, maximum, solves: solves.summary() });
  }),
);
