/** Where a trajectory is unstable: the snapshots that Figure 2 looks into. */
import { defineStage, StageError } from "../src/stage.ts";
import type { InstabilitiesTable, RunTable, SharpnessTable } from "./figures/mlp-tables.ts";
import { paramsOf } from "./shared/params.ts";
import { findSnapshots } from "./shared/snapshots.ts";
import { readTable, writeTable } from "./shared/tables.ts";

export default defineStage({
  async run(context) {
    const { count, prominence, period } = paramsOf(context, { count: "count", prominence: "number", period: "count" });
    const run = readTable<RunTable>(context, "run");
    const { threshold, rows } = readTable<SharpnessTable>(context, "sharpness");
    const { found, snapshots } = findSnapshots(run, { threshold, rows }, { count, prominence });
    context.log(`L peaks at epochs ${found.map(({ lossPeak }) => lossPeak).join(", ") || "none"}`);
    if (found.length < count)
      throw new StageError(
        `${found.length} instabilities in ${run.ending.epoch} epochs at η = ${run.eta}, ${count} are wanted`,
        "train longer (mlp.epochs), lower snapshots.prominence, or take another mlp.seed",
      );
    const table: InstabilitiesTable = { eta: run.eta, threshold, period, snapshots };
    writeTable(context, "table", table);
  },
});
