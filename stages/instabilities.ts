/** Where a trajectory is unstable: the snapshots that Figure 2 looks into. */
import { detectInstabilities } from "../src/numerics/instabilities.ts";
import { defineStage, StageError } from "../src/stage.ts";
import type { InstabilitiesTable, RunTable, SharpnessTable } from "./figures/mlp-tables.ts";
import { paramsOf } from "./shared/params.ts";
import { readTable, writeTable } from "./shared/tables.ts";

/** Epochs shown past the peak of L, at most. */
const AFTER_PEAK = 10;

export default defineStage({
  async run(context) {
    const { count, prominence, period } = paramsOf(context, { count: "count", prominence: "number", period: "count" });
    const run = readTable<RunTable>(context, "run");
    const { threshold, rows } = readTable<SharpnessTable>(context, "sharpness");
    const found = detectInstabilities(
      { epochs: run.rows.map(({ epoch }) => epoch), values: run.rows.map(({ loss }) => loss ?? Number.MAX_VALUE) },
      { epochs: rows.map(({ epoch }) => epoch), values: rows.map(({ values }) => values[0]!) },
      { prominence, threshold },
    );
    context.log(`L peaks at epochs ${found.map(({ lossPeak }) => lossPeak).join(", ") || "none"}`);
    if (found.length < count)
      throw new StageError(
        `${found.length} instabilities in ${run.ending.epoch} epochs at η = ${run.eta}, ${count} are wanted`,
        "train longer (mlp.epochs), lower snapshots.prominence, or take another mlp.seed",
      );
    const last = rows.at(-1)!.epoch;
    const snapshots = found.slice(0, count).map(({ baseline, lossPeak, sharpnessPeak, prominence: height }, index) => ({
      index,
      baseline,
      start: baseline,
      peak: lossPeak,
      sharpnessPeak,
      end: Math.min(lossPeak + AFTER_PEAK, found[index + 1]?.baseline ?? last, last),
      prominence: height,
    }));
    const table: InstabilitiesTable = { eta: run.eta, threshold, period, snapshots };
    writeTable(context, "table", table);
  },
});
