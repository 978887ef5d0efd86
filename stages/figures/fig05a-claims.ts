/** Figure 5a's claims: generalization is flat below the stability threshold, improves past it, and falls in the end. */
import { type Claim, numberClaim, ruleClaim } from "../../src/figures/claims.ts";
import { type Figure5Tables, has, type MeanAccuracy, meanAccuracies, stabilityThreshold } from "./fig05a.ts";
import type { Correlation } from "./model-tables.ts";
import { mean, spearman } from "./statistics.ts";

const SECTION = "paper, section 4.1 and Figure 5a";
const INDEPENDENT = "an independent run in JAX from other initialisations";

/** Mean accuracy on the 10,000 test samples. */
const MEASURED = [
  { eta: 0.002, accuracy: 0.7768 },
  { eta: 0.01, accuracy: 0.7774 },
  { eta: 0.021, accuracy: 0.7808 },
  { eta: 0.046, accuracy: 0.7842 },
  { eta: 0.098, accuracy: 0.7912 },
  { eta: 0.211, accuracy: 0.7895 },
] as const;
const WHOLE = 10_000;
const MODELS = 235;
const NEEDS_ALL = "needs the whole test set: profile laptop";

export function figure5aClaims(tables: Figure5Tables): Claim[] {
  const { generalization, stable } = tables;
  const { models } = generalization;
  const onGrid = models.filter(({ eta }) => eta > 0.0099).length;
  const incomplete = models.filter(({ ending }) => ending.reason !== "complete");
  const complete = models.filter(({ ending }) => ending.reason === "complete");
  const largest = Math.max(...complete.map(({ eta }) => eta));
  return [
    numberClaim({
      id: "stability-threshold",
      statement: "Stable training ends near η = 0.01, where the paper's grid begins.",
      source: `${SECTION}; ${INDEPENDENT}: S_max = 194.9`,
      paper: 0.01026,
      ours: stabilityThreshold(stable),
      tolerance: { relative: 0.25 },
    }),
    ruleClaim({
      id: "models",
      statement: `${MODELS} models are trained: η = 0.01·1.1^k until divergence, with five initialisations.`,
      source: SECTION,
      paper: MODELS,
      ours: onGrid < MODELS ? undefined : onGrid,
      rule: `${MODELS} models with η from 0.01 on`,
      holds: onGrid === MODELS,
      note: `${incomplete.length} of all ${models.length} models did not complete their training.`,
    }),
    numberClaim({
      id: "largest-eta",
      statement: "Above η of about 0.34 models diverge.",
      source: INDEPENDENT,
      paper: 0.34,
      ours: incomplete.some(({ eta }) => eta > largest) ? largest : undefined,
      tolerance: { relative: 0.3 },
      note: "Ours: the largest η at which any model completed its training.",
    }),
    ...(["paper", "all"] as const).flatMap((samples) => shapeClaims(samples, tables)),
    ...MEASURED.map(({ eta, accuracy }) => {
      const near = meanAccuracies("all", generalization).find((of) => Math.abs(of.eta / eta - 1) < 0.05);
      return numberClaim({
        id: `accuracy@eta=${eta}`,
        statement: `Mean accuracy on all ${WHOLE} test samples at η = ${eta}.`,
        source: INDEPENDENT,
        paper: accuracy,
        ours: near?.accuracy,
        tolerance: { absolute: 0.01 },
        ...(near === undefined ? { note: NEEDS_ALL } : {}),
      });
    }),
  ];
}

/** Flat, then rising, then falling: on one set of test samples. */
function shapeClaims(samples: Correlation["samples"], { generalization, stable }: Figure5Tables): Claim[] {
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
  const level = mean((below.length > 0 ? below : means.slice(0, 1)).map(({ accuracy }) => accuracy));
  const spread = range(below.map(({ accuracy }) => accuracy));
  const trend = spearman(
    rising.map(({ eta }) => eta),
    rising.map(({ accuracy }) => accuracy),
  );
  const about = samples === "all" ? "on the whole test set" : "on the paper's 200 test samples";
  const id = (what: string): string => `${what}@samples=${samples}`;
  const note = (isTested: boolean, otherwise: string) =>
    isTested && isThere ? {} : { note: isThere ? otherwise : NEEDS_ALL };
  const flat = samples === "all" ? 0.005 : 0.02;
  return [
    ruleClaim({
      id: id("flat-below"),
      statement: `Below the stability threshold the mean accuracy is flat, ${about}.`,
      source: SECTION,
      paper: samples === "all" ? "0.7768 to 0.7774" : "relatively flat",
      ours: isThere && below.length >= 2 ? `${shown(spread)} between ${below.length} learning rates` : undefined,
      rule: `mean accuracies of learning rates below 2/S_max differ by at most ${flat}`,
      holds: spread <= flat,
      ...note(below.length >= 2, "this profile has less than two learning rates below the threshold"),
    }),
    ruleClaim({
      id: id("rises-past"),
      statement: `Past the threshold the mean accuracy rises, ${about}.`,
      source: SECTION,
      paper: samples === "all" ? "0.7770 → 0.7912" : "improves sharply",
      ours:
        isThere && best !== undefined && above.length >= 3
          ? `${shown(level)} → ${shown(best.accuracy)} at η = ${best.eta}, Spearman ${trend.toPrecision(2)}`
          : undefined,
      rule: "the best mean is at least 0.01 above that at or below the threshold, and from the threshold to it the rank correlation with η is 0.5 or more",
      holds: best !== undefined && best.accuracy >= level + 0.01 && trend >= 0.5,
      ...note(above.length >= 3, "this profile has less than three learning rates above the threshold"),
    }),
    ruleClaim({
      id: id("falls-in-the-end"),
      statement: `The largest learning rates are worse than the best one, ${about}.`,
      source: SECTION,
      paper: samples === "all" ? "0.7912 → 0.7895" : "performance eventually falls",
      ours:
        isThere && best !== undefined && last !== undefined && reachesEnd
          ? `${shown(best.accuracy)} at η = ${best.eta} → ${shown(last.accuracy)} at η = ${last.eta}`
          : undefined,
      rule: "the mean at the largest η that at least half of the seeds survive is below the best mean",
      holds: best !== undefined && last !== undefined && last.accuracy < best.accuracy,
      ...note(reachesEnd, "this profile's learning rates end before models diverge"),
    }),
  ];
}

const range = (values: readonly number[]): number => Math.max(...values) - Math.min(...values);

function shown(value: number): string {
  return Number(value.toFixed(4)).toString();
}
