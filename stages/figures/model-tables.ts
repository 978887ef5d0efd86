/** The tables of the trained models as Figures 4, 5a and 12a read them; `schemas/` has them in full. */
export interface Ending {
  readonly reason: "complete" | "diverged" | "epochs";
  readonly epoch: number;
}

export interface ModelRow {
  readonly eta: number;
  readonly seed: number;
  readonly ending: Ending;
  readonly loss: number | null;
  readonly trainAccuracy: number;
  /** On the paper's 200 test samples; null where the run diverged. */
  readonly validationAccuracy: number | null;
  /** On all test samples; null where there are no more. */
  readonly validationAccuracyAll: number | null;
}

/** Which eigenvectors a model's final ones are compared with: the initial ones, those midway, the lowest learning rate's. */
export type Variant = "first" | "midpoint" | "lowest";

/** ρ: similarities of the spans of the top 1, 2, … eigenvectors. `lowest` is null for the lowest learning rate itself. */
export type Similarities = Readonly<Record<Variant, readonly number[] | null>>;

export interface SpectrumRow {
  readonly eta: number;
  readonly seed: number;
  /** Top eigenvalues at the end; empty where the training was not completed. */
  readonly values: readonly number[];
  readonly similarity: Pick<Similarities, "first" | "midpoint"> | null;
}

/** A model that completed its training. */
export interface GeneralizationRow {
  readonly eta: number;
  readonly seed: number;
  readonly ending: Ending;
  readonly validationAccuracy: number | null;
  readonly validationAccuracyAll: number | null;
  /** λ₁ at the end; null where the training was not completed. */
  readonly sharpness: number | null;
  readonly similarity: Similarities | null;
}

export interface Correlation {
  /** `eta`, `sharpness`, or `rho/VARIANT/k=K`. */
  readonly measure: string;
  /** Test samples behind the accuracies: the paper's 200, or all. */
  readonly samples: "paper" | "all";
  /** Learning rates up to this one; null: all of them. */
  readonly upTo: number | null;
  readonly count: number;
  /** Spearman's, with a 95 % confidence interval; null where undefined. */
  readonly value: number | null;
  readonly low: number | null;
  readonly high: number | null;
}

export interface GeneralizationTable {
  readonly k: number;
  readonly models: readonly GeneralizationRow[];
  readonly correlations: readonly Correlation[];
}

/** A run with η = `before` up to epoch `at` and η = `after` from there on. */
export interface ReducedRun {
  readonly before: number;
  readonly at: number;
  readonly after: number;
  readonly seed: number;
  readonly ending: Ending;
}

export interface EventualSharpness extends ReducedRun {
  readonly rows: readonly { readonly epoch: number; readonly sharpness: number }[];
  /** The largest of `rows` once the switch has settled; null where the training ended before. */
  readonly maximum: { readonly epoch: number; readonly sharpness: number } | null;
}
