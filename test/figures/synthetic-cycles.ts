/** Tables of one made-up run with the shapes that the paper claims, for tests of Figures 3 and 8 to 11 alone. */
import type { PeriodsTable, SharpeningTable } from "../../stages/figures/cycle-tables.ts";

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

/** α is positive below 2/η and negative above; the oscillation swells towards each peak of L in `peaks`. */
export function syntheticSharpening(peaks: readonly number[], sign = 1): SharpeningTable {
  const bump = (epoch: number): number => Math.max(...peaks.map((peak) => Math.exp(-(((epoch - peak) / 8) ** 2))));
  return {
    eta: ETA,
    threshold: 2 / ETA,
    rows: Array.from({ length: 181 }, (_, epoch) => {
      const sharpness = Math.min(35, 5 + epoch) + 30 * bump(epoch);
      return {
        epoch,
        sharpness,
        gap: 0.2,
        alpha: sharpness > 2 / ETA ? -300 * sign : 30,
        oscillation: epoch === 0 || epoch === 180 ? null : 0.01 + 0.1 * bump(epoch),
      };
    }),
  };
}
