/** Figure 9's claims: oscillation, not progressive sharpening, goes with instabilities (paper, appendix G). */
import { type Claim, ruleClaim } from "../../src/figures/claims.ts";
import type { SharpeningRow } from "./cycle-tables.ts";
import { type Figure9Tables, phasesIn } from "./fig09.ts";

const SOURCE = "paper, appendix G and Figure 9";

/** Epochs within which two peaks coincide: two periods of the oscillation. */
const TOGETHER = 4;

export function figure9Claims({ sharpening, instabilities }: Figure9Tables): Claim[] {
  const { rows, threshold } = sharpening;
  const last = rows.at(-1)!.epoch;
  const turns = phasesIn(sharpening)
    .filter(({ kind, to }) => kind === "growing" && to < last - 1)
    .map(({ to }) => to);
  const peaks = instabilities.snapshots
    .filter(({ peak }) => peak <= last)
    .map(({ peak, baseline, end }) => ({
      loss: peak,
      sharpness: highest(rows.filter(({ epoch }) => epoch >= baseline && epoch <= end)),
      oscillation: turns.toSorted((a, b) => Math.abs(a - peak) - Math.abs(b - peak))[0] ?? Number.NaN,
    }));
  const distances = peaks.map(({ loss, sharpness, oscillation }) =>
    Math.max(Math.abs(sharpness - loss), Math.abs(oscillation - loss)),
  );
  const [above, below] = [
    rows.filter(({ sharpness }) => sharpness > threshold),
    rows.filter(({ sharpness }) => sharpness <= threshold),
  ];
  const early = rows.findIndex(({ sharpness }) => sharpness > threshold);
  const before = rows.slice(1, early === -1 ? undefined : early);
  return [
    ruleClaim({
      id: "peaks-coincide",
      statement: "The peaks of L and S coincide with peaks of the oscillation |θ − θ*|.",
      source: SOURCE,
      paper: "they coincide",
      ours: peaks
        .map(({ loss, sharpness, oscillation }) => `L ${loss}, S ${sharpness}, |θ − θ*| ${oscillation}`)
        .join("; "),
      rule: `in every snapshot the largest S and the nearest turning point of |θ − θ*| lie within ${TOGETHER} epochs of L's peak`,
      holds: distances.length > 0 && distances.every((distance) => distance <= TOGETHER),
    }),
    ruleClaim({
      id: "alpha-negative-above",
      statement: "While S > 2/η, progressive sharpening is predominantly negative: the gradient alone would flatten.",
      source: `${SOURCE}; an independent run in JAX`,
      paper: "negative in 94 % of the epochs with S > 2/η",
      ours: above.length === 0 ? undefined : `${percent(negative(above))} of ${above.length} epochs`,
      rule: "α < 0 in at least two thirds of the epochs with S > 2/η",
      holds: negative(above) >= 2 / 3,
    }),
    ruleClaim({
      id: "alpha-less-negative-below",
      statement: "Below 2/η, progressive sharpening is not predominantly negative.",
      source: `${SOURCE}; an independent run in JAX`,
      paper: "negative in 12 % of the epochs with S ≤ 2/η",
      ours: below.length === 0 ? undefined : `${percent(negative(below))} of ${below.length} epochs`,
      rule: "α < 0 in at most half of the epochs with S ≤ 2/η",
      holds: negative(below) <= 0.5,
    }),
    ruleClaim({
      id: "sharpening-before-the-edge",
      statement: "On the way to 2/η for the first time, sharpening is progressive: α > 0.",
      source: "paper, section 2.1 and appendix G",
      paper: "α > 0",
      ours: before.length === 0 ? undefined : `positive in ${percent(1 - negative(before))} of ${before.length} epochs`,
      rule: "α > 0 in at least 90 % of the epochs before the first with S > 2/η, without the initial one",
      holds: 1 - negative(before) >= 0.9,
    }),
    ruleClaim({
      id: "oscillation-grows-above",
      statement: "Past the threshold oscillations grow: each instability ends a phase of growing |θ − θ*|.",
      source: SOURCE,
      paper: "|θ − θ*| ascends towards each peak",
      ours: peaks.map(({ loss }) => `× ${growth(rows, loss)} towards epoch ${loss}`).join("; "),
      rule: "from the phase's beginning to its end |θ − θ*| grows by at least half, for every peak of L",
      holds: peaks.every(({ loss }) => growth(rows, loss) >= 1.5),
    }),
  ];

  /** By how much |θ − θ*| grows in the phase that ends nearest to an epoch. */
  function growth(all: readonly SharpeningRow[], epoch: number): number {
    const phase = phasesIn(sharpening)
      .filter(({ kind }) => kind === "growing")
      .toSorted((a, b) => Math.abs(a.to - epoch) - Math.abs(b.to - epoch))[0];
    const at = (wanted?: number): number => all.find((row) => row.epoch === wanted)?.oscillation ?? Number.NaN;
    return Number((at(phase?.to) / at(phase?.from)).toPrecision(2));
  }
}

function highest(rows: readonly SharpeningRow[]): number {
  return rows.reduce((top, row) => (row.sharpness > top.sharpness ? row : top)).epoch;
}

function negative(rows: readonly SharpeningRow[]): number {
  return rows.filter(({ alpha }) => alpha < 0).length / rows.length;
}

function percent(share: number): string {
  return `${Math.round(100 * share)} %`;
}
