/** What Figures 5a and 5b claim alike: generalization is flat below the stability threshold, improves past it, and falls in the end. */
import { type Claim, ruleClaim } from "../../src/figures/claims.ts";
import {
  type Figure5Tables,
  has,
  type MeanAccuracy,
  meanAccuracies,
  type Samples,
  stabilityThreshold,
  thresholdDoubt,
} from "./fig05.ts";
import { mean, spearman } from "./statistics.ts";

export interface ShapeOptions {
  readonly samples: Samples;
  /** Where the paper says so. */
  readonly source: string;
  /** Appended to the claims' ids. */
  readonly suffix: string;
  /** Which test samples: ends each statement. */
  readonly about: string;
  /** How far mean accuracies below the threshold may lie apart, and by how much the best must exceed them. */
  readonly flat: number;
  readonly rise: number;
  /** What the paper says to each claim. */
  readonly paper: { readonly flat: string; readonly rises: string; readonly falls: string };
  /** Why there are no accuracies on these samples, where there are none. */
  readonly lacking: string;
}

/** The means of the learning rates at or below the threshold; or of the smallest, where none is. */
export function levelBelow(samples: Samples, { generalization, stable }: Figure5Tables): number {
  const threshold = stabilityThreshold(stable);
  const means = meanAccuracies(samples, generalization);
  const below = means.filter(({ eta }) => eta <= threshold);
  return mean((below.length > 0 ? below : means.slice(0, 1)).map(({ accuracy }) => accuracy));
}

/** A claim that rests on 2/S_max, and that it is doubtful where it is. */
export function restingOn(stable: Figure5Tables["stable"], claim: Claim): Claim {
  const doubt = thresholdDoubt(stable);
  if (doubt === undefined) return claim;
  return { ...claim, note: claim.note === undefined ? doubt : `${claim.note.replace(/\.?$/, ".")} ${doubt}` };
}

/** Flat, then rising, then falling: on one set of test samples. */
export function shapeClaims(tables: Figure5Tables, options: ShapeOptions): Claim[] {
  const { generalization, stable } = tables;
  const { samples, source, about, flat, rise, paper, lacking } = options;
  const threshold = stabilityThreshold(stable);
  const means = meanAccuracies(samples, generalization);
  const below = means.filter(({ eta }) => eta <= threshold);
  const above = means.filter(({ eta }) => eta > threshold);
  const isThere = has(samples, generalization);
  const best = above.reduce<MeanAccuracy | undefined>((a, b) => (a && a.accuracy >= b.accuracy ? a : b), undefined);
  const rising = above.filter(({ eta }) => best !== undefined && eta <= best.eta);
  // A mean of a few survivors is no mean of the rate.
  const last = above.filter(({ count, trained }) => 2 * count >= trained).at(-1);
  // Where all of the largest rate's models complete their training, the grid ends before the edge that is meant.
  const reachesEnd = generalization.models.some(
    ({ eta, ending }) => eta >= (last?.eta ?? 0) && ending.reason !== "complete",
  );
  const level = levelBelow(samples, tables);
  const spread = range(below.map(({ accuracy }) => accuracy));
  const trend = spearman(
    rising.map(({ eta }) => eta),
    rising.map(({ accuracy }) => accuracy),
  );
  const note = (isTested: boolean, otherwise: string) =>
    isTested && isThere ? {} : { note: isThere ? otherwise : lacking };
  return [
    ruleClaim({
      id: `flat-below${options.suffix}`,
      statement: `Below the stability threshold the mean accuracy is flat, ${about}.`,
      source,
      paper: paper.flat,
      ours:
        isThere && below.length >= 2 ? `${shownAccuracy(spread)} between ${below.length} learning rates` : undefined,
      rule: `mean accuracies of learning rates below 2/S_max differ by at most ${flat}`,
      holds: spread <= flat,
      ...note(below.length >= 2, "this profile has less than two learning rates below the threshold"),
    }),
    ruleClaim({
      id: `rises-past${options.suffix}`,
      statement: `Past the threshold the mean accuracy rises, ${about}.`,
      source,
      paper: paper.rises,
      ours:
        isThere && best !== undefined && above.length >= 3
          ? `${shownAccuracy(level)} → ${shownAccuracy(best.accuracy)} at η = ${best.eta}, Spearman ${trend.toPrecision(2)}`
          : undefined,
      rule: `the best mean is at least ${rise} above that at or below the threshold, and from the threshold to it the rank correlation with η is 0.5 or more`,
      holds: best !== undefined && best.accuracy >= level + rise && trend >= 0.5,
      ...note(above.length >= 3, "this profile has less than three learning rates above the threshold"),
    }),
    ruleClaim({
      id: `falls-in-the-end${options.suffix}`,
      statement: `The largest learning rates are worse than the best one, ${about}.`,
      source,
      paper: paper.falls,
      ours:
        isThere && best !== undefined && last !== undefined && reachesEnd
          ? `${shownAccuracy(best.accuracy)} at η = ${best.eta} → ${shownAccuracy(last.accuracy)} at η = ${last.eta}`
          : undefined,
      rule: "the mean at the largest η that at least half of the seeds survive is below the best mean",
      holds: best !== undefined && last !== undefined && last.accuracy < best.accuracy,
      ...note(reachesEnd, "this profile's learning rates end before models diverge"),
    }),
  ];
}

const range = (values: readonly number[]): number => Math.max(...values) - Math.min(...values);

export function shownAccuracy(value: number): string {
  return Number(value.toFixed(4)).toString();
}
