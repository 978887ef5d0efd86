/** What Figures 12a, 12b and 12c claim alike: accuracy goes with larger η, lower sharpness and less similar eigenvectors. */
import { type Claim, type PaperTable, ruleClaim } from "../../src/figures/claims.ts";
import { HEADLINE } from "./correlations.ts";
import { has, type Samples } from "./fig05.ts";
import { type Association, correlation, MEASURES, type Measure, nameOf, worded } from "./fig12.ts";
import type { Correlation, GeneralizationTable } from "./model-tables.ts";

export const SOURCE = "paper, appendix I and Figure 12";

const SAYING: Readonly<Record<Measure, string>> = {
  eta: "Models trained with larger learning rates generalize better",
  sharpness: "Flatter models generalize better",
  [HEADLINE]: "Models whose sharpest eigenvectors turned further generalize better",
};

export interface AssociationOptions {
  readonly row: Association;
  readonly samples: Samples;
  /** Appended to the claims' ids. */
  readonly suffix: string;
  /** Why there are no accuracies on these samples, where there are none. */
  readonly lacking: string;
}

/** The sign of each correlation. */
export function signClaims(table: GeneralizationTable, { row, samples, suffix, lacking }: AssociationOptions): Claim[] {
  return MEASURES.map(({ measure }) => {
    const found = correlation(table, measure, samples);
    const paper = row.paper[measure];
    return ruleClaim({
      id: `sign-${nameOf(measure)}${suffix}`,
      statement: `${SAYING[measure]}, on ${row.about[samples]}.`,
      source: SOURCE,
      paper,
      ours: found === undefined || found.value === null ? undefined : counted(found),
      rule: `Spearman's rank correlation with accuracy and its 95 % confidence interval (in brackets) have the paper's sign (${paper < 0 ? "−" : "+"})`,
      holds: found?.value != null && [found.value, found.low, found.high].every((end) => (end ?? 0) * paper > 0),
      ...(has(samples, table) ? {} : { note: lacking }),
    });
  });
}

interface Strength {
  readonly measure: Measure;
  readonly title: string;
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

/** |Correlation| of each measure with its interval; fewer than three where one is undefined. */
export function strengthsOf(table: GeneralizationTable, samples: Samples): Strength[] {
  return MEASURES.flatMap(({ measure, title }) => {
    const found = correlation(table, measure, samples);
    if (found?.value == null || found.low === null || found.high === null) return [];
    const ends = [Math.abs(found.low), Math.abs(found.high)];
    const isOneSided = found.low * found.high > 0;
    const value = Math.abs(found.value);
    return [{ measure, title, value, low: isOneSided ? Math.min(...ends) : 0, high: Math.max(...ends) }];
  });
}

/** All three with two digits; undefined where one is. */
export function listed(strengths: readonly Strength[]): string | undefined {
  return strengths.length < MEASURES.length
    ? undefined
    : strengths.map(({ title, value }) => `${title} ${value.toFixed(2)}`).join(", ");
}

/** The paper: "the strengths of these associations are hard to separate under the constant η regime". */
export function similarStrengths(
  table: GeneralizationTable,
  { row, samples, suffix, lacking }: AssociationOptions,
): Claim {
  const strengths = strengthsOf(table, samples);
  const lowest = Math.min(...strengths.map(({ high }) => high));
  return ruleClaim({
    id: `similar-strengths${suffix}`,
    statement: `With a constant η the three associations are about equally strong, on ${row.about[samples]}.`,
    source: SOURCE,
    paper: `${MEASURES.map(({ measure }) => Math.abs(row.paper[measure])).join(", ")}: hard to separate`,
    ours: listed(strengths),
    rule: "the confidence intervals of the three |correlations| have a point in common",
    holds: strengths.every(({ low }) => low <= lowest),
    ...(has(samples, table) ? {} : { note: lacking }),
  });
}

/** The paper's value of each correlation inside our interval. */
export function valueClaims(table: GeneralizationTable, { row, samples, suffix }: AssociationOptions): Claim[] {
  return MEASURES.map(({ measure, title }) => {
    const found = correlation(table, measure, samples);
    const paper = row.paper[measure];
    const isDefined = found?.value != null && found.low !== null && found.high !== null;
    return ruleClaim({
      id: `value-${nameOf(measure)}${suffix}`,
      statement: `The rank correlation of accuracy with ${title} is the paper's.`,
      source: SOURCE,
      paper,
      ours: isDefined ? counted(found) : undefined,
      rule: "the paper's value lies in our 95 % confidence interval",
      holds: isDefined && found.low! <= paper && paper <= found.high!,
    });
  });
}

export function counted(found: Correlation): string {
  return `${worded(found)}, ${found.count} models`;
}

/** The table of Figure 12, its row of these models; a row for each set of test samples. */
export function figure12Tables(table: GeneralizationTable, row: Association, study?: string): PaperTable[] {
  const rows = (["paper", "all"] as const)
    .filter((samples) => has(samples, table))
    .map((samples) => ({
      label: `${row.label}; ${row.about[samples]}`,
      paper: MEASURES.map(({ measure }) => row.paper[measure]),
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
      note: `${study === undefined ? "" : `Ours: ${study}. `}ρ: similarity of the top-3 subspaces at the end to those of the same initialisation's lowest η. The paper does not define its ρ; the figure has the other readings. In brackets: 95 % confidence intervals that take models to be independent.`,
    },
  ];
}
