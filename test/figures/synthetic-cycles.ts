/** Tables of one made-up run with the shapes that the paper claims, for tests of Figures 3 and 8 to 11 alone. */
import type { PeriodsTable } from "../../stages/figures/cycle-tables.ts";

const ETA = 0.05;

/** The subspace turns slowly on one side of the valley; on the other it is `apart` further away. */
export function syntheticPeriods(apart = 0.15, periods: readonly number[] = [1, 2, 3, 4]): PeriodsTable {
  const spans = [
    { index: 0, baseline: 30, peak: 50 },
    { index: 1, baseline: 80, peak: 120 },
  ];
  return {
    eta: ETA,
    k: 3,
    snapshots: spans.map(({ index, baseline, peak }) => ({
      index,
      baseline,
      peak,
      periods: periods.map((period) => ({
        period,
        rows: Array.from({ length: Math.floor((peak - baseline) / period) + 3 }, (_, i) => ({
          epoch: baseline + i * period,
          subspace: 1 - 0.3 * ((i * period) / (peak - baseline)) ** 2 - ((i * period) % 2 === 1 ? apart : 0),
        })),
      })),
    })),
  };
}
