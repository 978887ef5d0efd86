/** Tables of one made-up run with the shapes that the paper claims, for tests of Figures 3 and 8 to 11 alone. */
import type {
  LandscapeTable,
  PeriodsTable,
  SharpeningTable,
  UnstableTable,
} from "../../stages/figures/cycle-tables.ts";

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

/** Smooth growth along the flow, a swing where steps go along the sharpest directions, nothing where none is unstable. */
export function syntheticUnstable(): UnstableTable[] {
  const flow = (t: number): number => 36 + 60 * (1 - Math.exp(-t / 20));
  const sharpness: Readonly<Record<UnstableTable["update"], (t: number) => number>> = {
    plain: (t) => 45 + 15 * (t % 2),
    frozen: (t) => 1.02 * flow(t),
    reduced: (t) => 0.99 * flow(t),
    only: (t) => Math.max(39, 42 - t),
    sharpest: (t) => 36 + 8 * (t % 2),
    flow,
  };
  return [0, 1].flatMap((snapshot) =>
    Object.entries(sharpness).map(([update, of]) => ({
      eta: ETA,
      threshold: 2 / ETA,
      snapshot,
      update: update as UnstableTable["update"],
      start: 30 + 50 * snapshot,
      rows: Array.from({ length: 31 }, (_, t) => ({
        epoch: 30 + 50 * snapshot + t,
        loss: Math.exp(-t / 30) + (update === "plain" && t % 5 === 0 ? 0.3 : 0),
        values: [1, 0.7, 0.5].map((share) => share * of(t)),
        unstable: of(t) > 2 / ETA ? 1 : 0,
      })),
    })),
  );
}

/** Parabolas: S dips to the current parameters' left, steps grow to the peak, and after it S is flat. */
export function syntheticLandscape(): LandscapeTable {
  const keys = { stable: 100, crossing: 108, developed: 130, peak: 140, after: 146 };
  const epochs = [100, 108, 116, 124, 130, 140, 146];
  const lines = epochs.map((epoch, i) => {
    const gradientNorm = epoch > keys.peak ? 0.5 : 0.5 + 0.2 * i;
    const reach = 3 * ETA * gradientNorm;
    const sharpness = epoch === keys.stable ? 36 : epoch > keys.peak ? 39 : 42 + 4 * i;
    const bend = epoch > keys.peak ? 200 : 3000;
    return {
      epoch,
      previous: 0.3 * reach,
      gradientNorm,
      rows: Array.from({ length: 21 }, (_, k) => {
        const offset = (reach * (k - 10)) / 10;
        const loss = 0.6 - 0.02 * i + gradientNorm * offset + 20 * offset ** 2;
        return { offset, loss, sharpness: sharpness - 100 * offset + bend * offset ** 2 };
      }),
    };
  });
  const cycle = { start: 100, crossing: 108, peak: 140, end: 146 };
  return { eta: ETA, threshold: 2 / ETA, snapshot: 2, cycle, keys, lines };
}
