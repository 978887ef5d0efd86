/** Figures 12a, 12b and 12c: what is drawn of accuracy against learning rate, sharpness and ρ, and of their correlations. */
import { PALETTE } from "../../src/figures/colors.ts";
import type { FigureSpec, Rows } from "../../src/figures/compile.ts";
import { fillSlots } from "../../src/figures/slots.ts";
import { accuracyOf, comparable, HEADLINE, measureOf, VARIANTS } from "./correlations.ts";
import { has, type Samples } from "./fig05.ts";
import spec from "./fig12.vl.json" with { type: "json" };
import type { Correlation, GeneralizationTable, Variant } from "./model-tables.ts";
import { logTicks } from "./ticks.ts";

/** The measures of the paper's table, by column. */
export const MEASURES = [
  { measure: "eta", title: "η₀" },
  { measure: "sharpness", title: "S(θ)" },
  { measure: HEADLINE, title: "ρ" },
] as const;

export type Measure = (typeof MEASURES)[number]["measure"];

/** A row of the paper's table, and how its accuracies are called. */
export interface Association {
  readonly label: string;
  readonly paper: Readonly<Record<Measure, number>>;
  /** In the legend, by the test samples behind the accuracies. */
  readonly series: Readonly<Record<Samples, string>>;
  /** In a sentence. */
  readonly about: Readonly<Record<Samples, string>>;
}

/** The largest set of test samples that the models were tested on. */
export function samplesOf(table: GeneralizationTable): Samples {
  return has("all", table) ? "all" : "paper";
}

export function correlation(
  { correlations }: GeneralizationTable,
  measure: string,
  samples: Samples,
  upTo: number | null = null,
): Correlation | undefined {
  return correlations.find((of) => of.measure === measure && of.samples === samples && of.upTo === upTo);
}

/** The paper's values in the legend. */
const PAPERS = "paper";
const COLORS = {
  paper: PALETTE.sky,
  all: PALETTE.black,
  alone: PALETTE.black,
  papers: PALETTE.vermillion,
} as const;

export interface Figure12Texts {
  /** The heading: what was trained on what. */
  readonly title: unknown;
  readonly description: string;
}

export function figure12Spec(
  table: GeneralizationTable,
  { series }: Association,
  from: number,
  texts: Figure12Texts,
): FigureSpec {
  const models = comparable(table.models, from);
  const shown = (["paper", "all"] as const).filter((samples) => has(samples, table));
  const colors = shown.length > 1 ? shown.map((samples) => COLORS[samples]) : [COLORS.alone];
  return fillSlots(spec, {
    ...texts,
    series: [...shown.map((samples) => series[samples]), PAPERS],
    colors: [...colors, COLORS.papers],
    shapes: [...shown.map(() => "circle"), "diamond"],
    etaTicks: logTicks(models.map(({ eta }) => eta)),
    sharpnessTicks: logTicks(models.flatMap(({ sharpness }) => sharpness ?? [])),
  });
}

/** The figure's named data. `from`: the first learning rate of the paper's grid. */
export function figure12Data(table: GeneralizationTable, row: Association, from: number): Record<string, Rows> {
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
      return { measure: nameOf(measure), label: found === undefined ? "" : `Spearman: ${worded(found)}` };
    }),
    correlations: correlationRows(table, row),
  };
}

export const nameOf = (measure: Measure): string => (measure === HEADLINE ? "rho" : measure);

const VARIANT_NAMES: Readonly<Record<Variant, string>> = {
  lowest: "lowest η",
  midpoint: "midpoint",
  first: "initial",
};

/** Panel d: each measure's correlation with its interval, and the paper's where its table has one. */
function correlationRows(table: GeneralizationTable, row: Association): Rows {
  const rhos = [...VARIANTS].reverse().flatMap((variant) =>
    Array.from({ length: table.k }, (_, i) => ({
      measure: `rho/${variant}/k=${i + 1}`,
      label: `ρ, ${VARIANT_NAMES[variant]}, k = ${i + 1}`,
    })),
  );
  const measures = [{ measure: "eta", label: "η₀" }, { measure: "sharpness", label: "S(θ)" }, ...rhos];
  return measures.flatMap(({ measure, label }, order) => {
    const paper = (row.paper as Readonly<Record<string, number>>)[measure];
    return [
      ...(["paper", "all"] as const).flatMap((samples) => {
        const found = correlation(table, measure, samples);
        if (found === undefined || found.value === null) return [];
        const { value, low, high, count } = found;
        const shift = !has("all", table) ? 0 : samples === "all" ? -3 : 3;
        return [{ kind: "ours", order, label, series: row.series[samples], value, low, high, count, shift }];
      }),
      ...(paper === undefined ? [] : [{ kind: "paper", order, label, series: PAPERS, value: paper }]),
    ];
  });
}

export function worded({ value, low, high }: Pick<Correlation, "value" | "low" | "high">): string {
  if (value === null) return "not defined";
  const interval = low === null || high === null ? "" : ` [${signed(low)}, ${signed(high)}]`;
  return `${signed(value)}${interval}`;
}

/** With a minus sign as wide as the plus. */
export function signed(value: number): string {
  return `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(2)}`;
}
