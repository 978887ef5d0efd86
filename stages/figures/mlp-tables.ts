/** The MLP's tables as stages write them and figures read them; `schemas/` has them with units. */
import type { Ending } from "./model-tables.ts";

export interface RunTable {
  readonly eta: number;
  readonly seed: number;
  readonly ending: Ending;
  readonly rows: readonly RunRow[];
}

export interface RunRow {
  readonly epoch: number;
  /** Numbers that are not finite are null, here and below: JSON has no other name for them. */
  readonly loss: number | null;
  readonly trainAccuracy: number;
  readonly gradientNorm: number | null;
}

export interface SharpnessTable {
  readonly eta: number;
  /** 2/η */
  readonly threshold: number;
  readonly rows: readonly {
    readonly epoch: number;
    /** The top eigenvalues, descending. */
    readonly values: readonly number[];
    readonly residuals: readonly number[];
    readonly matvecs: number;
  }[];
}

/** The loss climbs from `start` to `peak` and is down again at `end`. */
export interface Instability {
  readonly index: number;
  /** The epoch whose eigenvectors the others are compared with. */
  readonly baseline: number;
  readonly start: number;
  /** Of L. */
  readonly peak: number;
  readonly end: number;
}

export interface InstabilitiesTable {
  readonly eta: number;
  readonly threshold: number;
  readonly period: number;
  readonly snapshots: readonly Instability[];
}

export interface SimilarityRow {
  readonly epoch: number;
  /** cos(d_G/√k) of the top-k subspaces (Ye & Lim 2016). */
  readonly subspace: number;
}

export interface SimilarityTable {
  readonly eta: number;
  readonly k: number;
  readonly period: number;
  readonly snapshots: readonly {
    readonly index: number;
    readonly baseline: number;
    readonly peak: number;
    /** `individual[i]` is |cos| of the (i + 1)-th eigenvectors. */
    readonly rows: readonly (SimilarityRow & { readonly individual: readonly number[] })[];
  }[];
}

export interface InterventionsTable {
  readonly eta: number;
  readonly interventions: readonly {
    /** The snapshot's index. */
    readonly snapshot: number;
    /** When, as a fraction of the way from the baseline to the loss's peak. */
    readonly timing: number;
    /** From which epoch on the learning rate is `eta`. */
    readonly epoch: number;
    readonly eta: number;
    readonly rows: readonly SimilarityRow[];
  }[];
}

export interface Figure2Tables {
  readonly run: RunTable;
  readonly sharpness: SharpnessTable;
  readonly instabilities: InstabilitiesTable;
  readonly similarity: SimilarityTable;
  readonly interventions: InterventionsTable;
}
