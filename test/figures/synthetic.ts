/** Tables of the shape of the MLP's artifacts with three made-up instabilities, for tests of Figure 2 alone. */
import type { Figure2Tables } from "../../stages/figures/mlp-tables.ts";

const ETA = 0.05;
const THRESHOLD = 2 / ETA;
const SPANS = [
  { index: 0, baseline: 26, start: 28, peak: 41, end: 46 },
  { index: 1, baseline: 86, start: 90, peak: 116, end: 122 },
  { index: 2, baseline: 126, start: 130, peak: 159, end: 166 },
];

/** Falls slowly from 1, then steeply near the peak: the shape that is claimed. */
function decline(baseline: number, peak: number, epoch: number): number {
  const way = (epoch - baseline) / (peak - baseline);
  return Math.max(0.3, 1 - 0.1 * way - 0.45 * way ** 8);
}

export function syntheticTables(): Figure2Tables {
  const epochs = Array.from({ length: 201 }, (_, epoch) => epoch);
  const bump = (epoch: number, peak: number, width: number): number => Math.exp(-(((epoch - peak) / width) ** 2));
  return {
    run: {
      eta: ETA,
      seed: 0,
      ending: { reason: "epochs", epoch: 200 },
      rows: epochs.map((epoch) => ({
        epoch,
        gradientNorm: 1,
        loss:
          0.35 + 1.95 * Math.exp(-epoch / 25) + SPANS.reduce((sum, { peak }) => sum + 0.5 * bump(epoch, peak, 3), 0),
        trainAccuracy: Math.min(0.9, 0.1 + epoch / 100),
      })),
    },
    sharpness: {
      eta: ETA,
      threshold: THRESHOLD,
      rows: epochs
        .filter((epoch) => epoch % 2 === 0)
        .map((epoch) => {
          const s = Math.min(8 + epoch * 1.1, 38) + SPANS.reduce((sum, { peak }) => sum + 35 * bump(epoch, peak, 4), 0);
          return { epoch, values: [s, 0.7 * s, 0.6 * s], residuals: [0, 0, 0], matvecs: 30 };
        }),
    },
    instabilities: { eta: ETA, threshold: THRESHOLD, period: 2, snapshots: SPANS },
    similarity: {
      eta: ETA,
      k: 3,
      period: 2,
      snapshots: SPANS.map(({ index, baseline, peak, end }) => ({
        index,
        baseline,
        peak,
        rows: epochs
          .filter((epoch) => epoch >= baseline && epoch <= end && (epoch - baseline) % 2 === 0)
          .map((epoch) => {
            const subspace = decline(baseline, peak, epoch);
            return { epoch, subspace, individual: [0, 1, 2].map((k) => Math.max(0.05, subspace ** (1.3 + 0.8 * k))) };
          }),
      })),
    },
    interventions: {
      eta: ETA,
      interventions: SPANS.flatMap(({ index, baseline, peak, end }) =>
        [0.55, 0.7, 0.85, 0.95].map((timing) => {
          const epoch = baseline + 2 * Math.round(((peak - baseline) * timing) / 2);
          const from = decline(baseline, peak, epoch);
          return {
            snapshot: index,
            timing,
            epoch,
            eta: 0.2 * ETA,
            rows: epochs
              .filter((at) => at >= epoch && at <= end && (at - epoch) % 2 === 0)
              .map((at) => ({ epoch: at, subspace: 0.96 - (0.96 - from) * Math.exp(-(at - epoch) / 3) })),
          };
        }),
      ),
    },
  };
}
