/** Figure 12a's claims: accuracy goes with larger learning rates, lower sharpness and less similar eigenvectors. */
import { type Claim, type PaperTable, ruleClaim } from "../../src/figures/claims.ts";
import { HEADLINE } from "./correlations.ts";
import { has } from "./fig05.ts";
import { correlation, MEASURES, PAPER, signed, worded } from "./fig12a.ts";
import type { Correlation, GeneralizationTable } from "./model-tables.ts";

const SOURCE = "paper, appendix I and Figure 12a";
const INDEPENDENT = "an independent run in JAX of 45 models on 10,000 test samples";
const NEEDS_ALL = "needs the whole test set: profile laptop";
const ABOUT: Readonly<Record<Correlation["samples"], string>> = {
  paper: "the paper's 200 test samples",
  all: "the whole test set",
};
const SAYING: Readonly<Record<string, string>> = {
  eta: "Models trained with larger learning rates generalize better",
  sharpness: "Flatter models generalize better",
  [HEADLINE]: "Models whose sharpest eigenvectors turned further generalize better",
};

export function figure12aClaims(table: GeneralizationTable, upTo: number): Claim[] {
  return [
    ...(["paper", "all"] as const).flatMap((samples) => [
      ...MEASURES.map(({ measure }) => signClaim(table, measure, samples)),
      similarStrengths(table, samples),
    ]),
    rangeClaim(table, "eta", upTo, [0.61, 0.72]),
    rangeClaim(table, "sharpness", upTo, [-0.68, -0.56]),
  ];
}

function signClaim(table: GeneralizationTable, measure: keyof typeof PAPER, samples: Correlation["samples"]): Claim {
  const found = correlation(table, measure, samples);
  const paper = PAPER[measure];
  return ruleClaim({
    id: `sign-${measure === HEADLINE ? "rho" : measure}@samples=${samples}`,
    statement: `${SAYING[measure]}, on ${ABOUT[samples]}.`,
    source: SOURCE,
    paper,
    ours: found === undefined || found.value === null ? undefined : `${worded(found)}, ${found.count} models`,
    rule: `Spearman's rank correlation with accuracy and its 95 % confidence interval (in brackets) have the paper's sign (${paper < 0 ? "−" : "+"})`,
    holds: found?.value != null && [found.value, found.low, found.high].every((end) => (end ?? 0) * paper > 0),
    ...(has(samples, table) ? {} : { note: NEEDS_ALL }),
  });
}

/** The paper: "the strengths of these associations are hard to separate under the constant η regime". */
function similarStrengths(table: GeneralizationTable, samples: Correlation["samples"]): Claim {
  const strengths = MEASURES.flatMap(({ measure, title }) => {
    const found = correlation(table, measure, samples);
    if (found?.value == null || found.low === null || found.high === null) return [];
    const ends = [Math.abs(found.low), Math.abs(found.high)];
    const isOneSided = found.low * found.high > 0;
    return [{ title, value: Math.abs(found.value), low: isOneSided ? Math.min(...ends) : 0, high: Math.max(...ends) }];
  });
  const lowest = Math.min(...strengths.map(({ high }) => high));
  return ruleClaim({
    id: `similar-strengths@samples=${samples}`,
    statement: `With a constant η the three associations are about equally strong, on ${ABOUT[samples]}.`,
    source: SOURCE,
    paper: "0.595, 0.593, 0.610: hard to separate",
    ours:
      strengths.length < MEASURES.length
        ? undefined
        : strengths.map(({ title, value }) => `${title} ${value.toFixed(2)}`).join(", "),
    rule: "the confidence intervals of the three |correlations| have a point in common",
    holds: strengths.every(({ low }) => low <= lowest),
    ...(has(samples, table) ? {} : { note: NEEDS_ALL }),
  });
}

function rangeClaim(
  table: GeneralizationTable,
  measure: "eta" | "sharpness",
  upTo: number,
  [low, high]: readonly [number, number],
): Claim {
  const found = correlation(table, measure, "all", upTo);
  const isDefined = found?.value != null && found.low !== null && found.high !== null;
  return ruleClaim({
    id: `independent-${measure}`,
    statement: `Up to η = ${upTo} the correlation of accuracy with ${measure === "eta" ? "η" : "S"} is that of an independent run.`,
    source: INDEPENDENT,
    paper: `${signed(low)} to ${signed(high)}`,
    ours: isDefined ? `${worded(found)}, ${found.count} models` : undefined,
    rule: "our 95 % confidence interval meets that range",
    holds: isDefined && found.low! <= high && found.high! >= low,
    ...(has("all", table) ? {} : { note: NEEDS_ALL }),
  });
}

/** The table of Figure 12, its row of the MLP. */
export function figure12aTables(table: GeneralizationTable): PaperTable[] {
  const rows = (["paper", "all"] as const)
    .filter((samples) => has(samples, table))
    .map((samples) => ({
      label: `MLP on fMNIST, constant η; ${ABOUT[samples]}`,
      paper: MEASURES.map(({ measure }) => PAPER[measure]),
      ours: MEASURES.map(({ measure }) => {
        const found = correlation(table, measure, samples);
        return found === undefined ? null : worded(found);
      }),
    }));
  return [
    {
      id: "rank-correlations",
      title: "Rank correlation with validation accuracy",
      source: SOURCE,
      columns: MEASURES.map(({ title }) => title),
      rows,
      note: "ρ: similarity of the top-3 subspaces at the end to those of the same initialisation's lowest η. The paper does not define its ρ; the figure has the other readings. In brackets: 95 % confidence intervals that take models to be independent.",
    },
  ];
}
