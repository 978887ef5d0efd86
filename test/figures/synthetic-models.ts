/** Tables of the shape of the trained models' artifacts, made up so that everything that is claimed holds. */
import { correlationsOf } from "../../stages/figures/correlations.ts";
import type { Figure4Tables } from "../../stages/figures/fig04.ts";
import type { EventualSharpness, GeneralizationRow, GeneralizationTable } from "../../stages/figures/model-tables.ts";

const BASELINE = 195;
const SETTLED = 1000;

/** A run whose S climbs to `top` and falls again. */
export function eventual(
  { before, at, seed }: Pick<EventualSharpness, "before" | "at" | "seed">,
  top: number,
): EventualSharpness {
  const epochs = Array.from({ length: 21 }, (_, i) => at + 100 * i);
  const peak = at + SETTLED;
  const rows = epochs.map((epoch) => ({ epoch, sharpness: top * (1 - ((epoch - peak) / 1200) ** 2) }));
  const ending = { reason: "complete", epoch: epochs.at(-1)! } as const;
  return { before, at, after: 0.01, seed, ending, rows, maximum: { epoch: peak, sharpness: top } };
}

export function syntheticFlattening(): Figure4Tables {
  // The values of the independent run, seeds a little beside them.
  const tops: readonly (readonly [number, number, number])[] = [
    [0.05, 50, 161],
    [0.05, 100, 134],
    [0.05, 200, 91],
    [0.1, 50, 101],
    [0.1, 100, 62],
    [0.1, 200, 34],
    [0.2, 50, 77],
    [0.2, 100, 38],
    [0.2, 200, 21],
  ];
  return {
    reduced: tops.flatMap(([before, at, top]) => [0, 1].map((seed) => eventual({ before, at, seed }, top + 2 * seed))),
    stable: [0, 1].map((seed) => eventual({ before: 0.01, at: 0, seed }, BASELINE + seed)),
  };
}

export const ETAS = [
  0.002, 0.005, 0.01, 0.0121, 0.0144, 0.0161, 0.0214, 0.026, 0.0311, 0.0459, 0.0673, 0.0985, 0.1442, 0.2111, 0.3091,
  0.45,
];

/** Flat to 0.01, then up by 0.0143 at 0.0985, then down; the last rate's models do not end. */
function accuracyAt(eta: number): number {
  const way = Math.log(eta / 0.01) / Math.log(9.85);
  if (way <= 0) return 0.777;
  return way <= 1 ? 0.777 + 0.0143 * way ** 0.8 : 0.7913 - 0.006 * (way - 1);
}

export function syntheticGeneralization(): GeneralizationTable {
  const models = ETAS.flatMap((eta, i) =>
    [0, 1, 2, 3, 4].map((seed): GeneralizationRow => {
      // Seeds and rates scatter by a fixed pattern, a little more than the accuracies' rise is steep.
      const scatter = 0.004 * Math.sin(7 * seed + 3 * i);
      const isComplete = eta < 0.4;
      const lowest =
        eta === ETAS[0] ? null : [1, 2, 3, 4].map((k) => Math.exp(-eta * (2 + k / 4)) - 5 * scatter - 0.03);
      return {
        eta,
        seed,
        ending: isComplete ? { reason: "complete", epoch: Math.round(22 / eta) } : { reason: "diverged", epoch: 200 },
        validationAccuracy: isComplete ? accuracyAt(eta) + 0.015 + Math.round(200 * scatter) / 200 : null,
        validationAccuracyAll: isComplete ? accuracyAt(eta) + scatter / 2 : null,
        sharpness: isComplete ? 1.6 / eta + 20 * scatter : null,
        similarity: isComplete
          ? {
              first: [1, 2, 3, 4].map((k) => 0.2 + 0.01 * k + scatter),
              midpoint: [1, 2, 3, 4].map((k) => 0.9 - 0.1 * k * eta - scatter),
              lowest,
            }
          : null,
      };
    }),
  );
  return { k: 4, models, correlations: correlationsOf(models, { k: 4, from: 0.01, upTo: 0.211 }) };
}
