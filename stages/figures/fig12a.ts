/** Figure 12a: what is drawn of accuracy against learning rate, sharpness and ρ, and of their correlations. */
import type { Rows } from "../../src/figures/compile.ts";
import { accuracyOf, comparable, HEADLINE, measureOf, VARIANTS } from "./correlations.ts";
import { has } from "./fig05.ts";
import type { Correlation, GeneralizationTable, Variant } from "./model-tables.ts";

/** The paper's table, first row. */
export const PAPER = { eta: 0.595, sharpness: -0.593, [HEADLINE]: -0.61 } as const;

/** The measures of the paper's table, by column. */
export const MEASURES = [
  { measure: "eta", title: "η₀" },
  { measure: "sharpness", title: "S(θ)" },
  { measure: HEADLINE, title: "ρ" },
] as const;

/** The largest set of test samples that the models were tested on. */
export function samplesOf(table: GeneralizationTable): Correlation["samples"] {
  return has("all", table) ? "all" : "paper";
}

export function correlation(
  { correlations }: GeneralizationTable,
  measure: string,
  samples: Correlation["samples"],
  upTo: number | null = null,
): Correlation | undefined {
  return correlations.find((of) => of.measure === measure && of.samples === samples && of.upTo === upTo);
}

/** The figure's named data. `from`: the first learning rate of the paper's grid. */
export function figure12aData(table: GeneralizationTable, from: number): Record<string, Rows> {
  const samples = samplesOf(table);
  const points = comparable(table.models, from).flatMap((model) => {
    const accuracy = accuracyOf(samples, model);
    if (accuracy === null) return [];
    const { eta, seed, sharpness } = model;
    return [{ eta, seed, accuracy, sharpness, rho: measureOf(HEADLINE, model), log: Math.log10(eta) }];
  });
  return {
    models: points,
    withRho: points.filter(({ rho }) => rho !== null),
    headings: MEASURES.map(({ measure }) => {
      const found = correlation(table, measure, samples);
      return { measure: nameOf(measure), label: found === undefined ? "" : worded(found) };
    }),
    correlations: correlationRows(table),
  };
}

const nameOf = (measure: string): string => (measure === HEADLINE ? "rho" : measure);

const SAMPLES: Readonly<Record<Correlation["samples"], string>> = {
  paper: "200 test samples",
  all: "whole test set",
};

const VARIANT_NAMES: Readonly<Record<Variant, string>> = {
  lowest: "lowest η",
  midpoint: "midpoint",
  first: "initial",
};

/** Panel d: each measure's correlation with its interval, and the paper's where its table has one. */
function correlationRows(table: GeneralizationTable): Rows {
  const rhos = [...VARIANTS].reverse().flatMap((variant) =>
    Array.from({ length: table.k }, (_, i) => ({
      measure: `rho/${variant}/k=${i + 1}`,
      label: `ρ, ${VARIANT_NAMES[variant]}, k = ${i + 1}`,
    })),
  );
  const measures = [{ measure: "eta", label: "η₀" }, { measure: "sharpness", label: "S(θ)" }, ...rhos];
  return measures.flatMap(({ measure, label }, order) => {
    const paper = (PAPER as Readonly<Record<string, number>>)[measure];
    return [
      ...(["paper", "all"] as const).flatMap((samples) => {
        const found = correlation(table, measure, samples);
        if (found === undefined || found.value === null) return [];
        const { value, low, high, count } = found;
        const shift = !has("all", table) ? 0 : samples === "all" ? -3 : 3;
        return [{ kind: "ours", order, label, series: SAMPLES[samples], value, low, high, count, shift }];
      }),
      ...(paper === undefined ? [] : [{ kind: "paper", order, label, series: "paper", value: paper }]),
    ];
  });
}

export function worded({ value, low, high }: Correlation): string {
  if (value === null) return "not defined";
  const interval = low === null || high === null ? "" : ` [${signed(low)}, ${signed(high)}]`;
  return `${signed(value)}${interval}`;
}

/** With a minus sign as wide as the plus. */
export function signed(value: number): string {
  return `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(2)}`;
}
