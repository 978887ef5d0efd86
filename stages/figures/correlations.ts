import { type RankCorrelation, rankCorrelation } from "../../src/numerics/rank-correlation.ts";
import type { Correlation, GeneralizationRow, Variant } from "./model-tables.ts";

export const VARIANTS: readonly Variant[] = ["first", "midpoint", "lowest"];

/** The ρ of the paper's table, as far as it is known: final eigenvectors against the lowest learning rate's, top three. */
export const HEADLINE = "rho/lowest/k=3";

export interface CorrelationOptions {
  /** Dimensions of the subspaces: 1 to k. */
  readonly k: number;
  /** The paper's grid begins here: lower learning rates are references, not samples. */
  readonly from: number;
  /** Correlations are computed over all learning rates, and over those up to here. */
  readonly upTo: number;
}

/** Each measure of a model. Null where it has none. */
export function measureOf(name: string, model: GeneralizationRow): number | null {
  if (name === "eta") return model.eta;
  if (name === "sharpness") return model.sharpness;
  const [, variant, k] = /^rho\/(\w+)\/k=(\d+)$/.exec(name) ?? [];
  if (variant === undefined) throw new Error(`there is no measure '${name}'`);
  return model.similarity?.[variant as Variant]?.[Number(k) - 1] ?? null;
}

export function accuracyOf(samples: Correlation["samples"], model: GeneralizationRow): number | null {
  return samples === "all" ? model.validationAccuracyAll : model.validationAccuracy;
}

/** The models that correlations are about: complete, on the paper's grid. */
export function comparable(models: readonly GeneralizationRow[], from: number): GeneralizationRow[] {
  // Learning rates are decimals as written; half a step below the grid's first is far from rounding.
  return models.filter(({ eta, ending }) => ending.reason === "complete" && eta > from * 0.99);
}

/** Rank correlations of validation accuracy with every measure, on each set of samples and range of learning rates. */
export function correlationsOf(
  models: readonly GeneralizationRow[],
  { k, from, upTo }: CorrelationOptions,
): Correlation[] {
  const complete = comparable(models, from);
  const rhos = VARIANTS.flatMap((variant) => Array.from({ length: k }, (_, i) => `rho/${variant}/k=${i + 1}`));
  return (["paper", "all"] as const).flatMap((samples) =>
    [null, upTo].flatMap((limit) =>
      ["eta", "sharpness", ...rhos].map((measure) => {
        const pairs = complete.flatMap((model) => {
          const [value, accuracy] = [measureOf(measure, model), accuracyOf(samples, model)];
          const isInside = limit === null || model.eta <= limit;
          return value === null || accuracy === null || !isInside ? [] : [[value, accuracy] as const];
        });
        const found = rankCorrelation(
          pairs.map(([value]) => value),
          pairs.map(([, accuracy]) => accuracy),
        );
        return { measure, samples, upTo: limit, ...written(found) };
      }),
    ),
  );
}

function written({ value, low, high, count }: RankCorrelation): Omit<Correlation, "measure" | "samples" | "upTo"> {
  const orNull = (number: number): number | null => (Number.isFinite(number) ? number : null);
  return { count, value: orNull(value), low: orNull(low), high: orNull(high) };
}
