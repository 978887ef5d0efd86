/** Loss and sharpness along the gradient's direction, through one cycle from stability to instability and back. */
import { cycleAround } from "../src/numerics/cycle.ts";
import { landscapeLine } from "../src/numerics/landscape.ts";
import { defineStage } from "../src/stage.ts";
import type { LandscapeTable } from "./figures/cycle-tables.ts";
import type { InstabilitiesTable, SharpnessTable } from "./figures/mlp-tables.ts";
import { withObjective } from "./shared/objective.ts";
import { paramsOf } from "./shared/params.ts";
import { solveTally } from "./shared/solves.ts";
import { readTable, writeTable } from "./shared/tables.ts";
import { openTrajectory } from "./shared/tensors.ts";

/** The oscillation's period: lines are looked at on one side of the valley, with the parameters two epochs before. */
const PERIOD = 2;

/** How long before its peak an instability is developed: the paper's epoch 149 of a peak at 159. */
const BEFORE_PEAK = 10;

export default defineStage({
  async run(context) {
    const { network, points, stride, tol } = paramsOf(context, {
      network: "sizes",
      points: "count",
      stride: "count",
      tol: "number",
    });
    const { eta, threshold, snapshots } = readTable<InstabilitiesTable>(context, "instabilities");
    const { rows } = readTable<SharpnessTable>(context, "sharpness");
    const curve = { epochs: rows.map(({ epoch }) => epoch), values: rows.map(({ values }) => values[0]!) };
    const { index, peak } = snapshots.at(-1)!;
    const cycle = cycleAround(curve, peak, threshold);
    const onSide = (epoch: number): number => epoch - ((epoch - cycle.start) % PERIOD);
    const keys = {
      stable: cycle.start,
      crossing: onSide(cycle.crossing),
      developed: Math.max(onSide(peak - BEFORE_PEAK), onSide(cycle.crossing)),
      peak: onSide(peak),
      after: onSide(cycle.end),
    };
    const wanted = new Set(Object.values(keys));
    for (let epoch = cycle.start; epoch <= cycle.end; epoch += stride * PERIOD) wanted.add(epoch);
    const trajectory = openTrajectory(context.dep("checkpoints").path);
    const epochs = [...wanted].filter((epoch) => epoch >= PERIOD).sort((a, b) => a - b);
    await withObjective(context, network, async (objective) => {
      const lines: LandscapeTable["lines"][number][] = [];
      const solves = solveTally({ k: 1, tol });
      for (const epoch of epochs) {
        const earlier = trajectory.at(epoch - PERIOD);
        const { offsets, loss, sharpness, previous, gradientNorm } = await landscapeLine(
          objective,
          trajectory.at(epoch),
          { earlier, rate: eta, points, tol, onSolve: (pairs, x) => solves.add(pairs, `epoch ${epoch}, x = ${x}`) },
        );
        lines.push({
          epoch,
          previous,
          gradientNorm,
          rows: offsets.map((offset, i) => ({ offset, loss: loss[i]!, sharpness: sharpness[i]! })),
        });
        context.progress({ done: lines.length, total: epochs.length, unit: "lines" });
      }
      const summary = solves.summary();
      context.log(
        `epochs ${cycle.start} to ${cycle.end}: ${lines.length} lines, ${summary.matvecs} Hessian-vector products`,
      );
      const table: LandscapeTable = { eta, threshold, snapshot: index, cycle: { ...cycle, peak }, keys, lines };
      writeTable(context, "table", { ...table, solves: summary });
    });
  },
});
