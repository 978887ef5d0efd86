/** Figure 8's question: does the top subspace turn smoothly when it is looked at every T epochs? */
import { subspaceSimilarity } from "../src/numerics/similarity.ts";
import { defineStage } from "../src/stage.ts";
import type { PeriodsTable } from "./figures/cycle-tables.ts";
import type { InstabilitiesTable } from "./figures/mlp-tables.ts";
import { paramsOf } from "./shared/params.ts";
import { openSpectra } from "./shared/spectra.ts";
import { readTable, writeTable } from "./shared/tables.ts";

export default defineStage({
  async run(context) {
    const { periods } = paramsOf(context, { periods: "sizes" });
    const { eta, snapshots } = readTable<InstabilitiesTable>(context, "instabilities");
    const spectra = openSpectra(context);
    let k = 0;
    const compared = snapshots.map(({ index, baseline, peak }) => {
      const spectrum = spectra.get(index)!;
      const reference = spectrum.vectorsAt(spectrum.epochs.indexOf(baseline));
      k = reference.length;
      const rows = spectrum.epochs.map((epoch, row) => ({
        epoch,
        subspace: subspaceSimilarity(reference, spectrum.vectorsAt(row)),
      }));
      context.progress({ done: index + 1, total: snapshots.length, unit: "snapshots" });
      return {
        index,
        baseline,
        peak,
        periods: periods.map((period) => ({
          period,
          rows: rows.filter(({ epoch }) => (epoch - baseline) % period === 0),
        })),
      };
    });
    const table: PeriodsTable = { eta, k, snapshots: compared };
    writeTable(context, "table", table);
  },
});
