/** Tables about one run's instability cycles, as Figures 3 and 8 to 11 read them; `schemas/` has them in full. */

/** How far the top subspace has turned, looked at every T epochs. */
export interface PeriodsTable {
  readonly eta: number;
  readonly k: number;
  readonly snapshots: readonly {
    readonly index: number;
    readonly baseline: number;
    /** Of L. */
    readonly peak: number;
    readonly periods: readonly Period[];
  }[];
}

export interface Period {
  /** T */
  readonly period: number;
  readonly rows: readonly { readonly epoch: number; readonly subspace: number }[];
}

/** Along a run, epoch by epoch. */
export interface SharpeningTable {
  readonly eta: number;
  /** 2/η */
  readonly threshold: number;
  readonly rows: readonly SharpeningRow[];
}

export interface SharpeningRow {
  readonly epoch: number;
  /** S = λ₁ */
  readonly sharpness: number;
  /** (λ₁ − λ₂)/λ₁: near 0, ∇S is not defined. */
  readonly gap: number;
  /** α = −∇L·∇S */
  readonly alpha: number;
  /** |θ − θ*|; null at the run's ends, which have one neighbour. */
  readonly oscillation: number | null;
}

/** A run from within an instability, with another update along the unstable directions. */
export interface UnstableTable {
  readonly eta: number;
  readonly threshold: number;
  readonly snapshot: number;
  readonly update: "plain" | "frozen" | "reduced" | "only" | "sharpest" | "flow";
  /** The epoch whose θ it starts from. */
  readonly start: number;
  readonly rows: readonly {
    readonly epoch: number;
    readonly loss: number;
    /** The largest eigenvalues, descending. */
    readonly values: readonly number[];
    /** How many of them exceed 2/η. */
    readonly unstable: number;
  }[];
}

/** L and S along the gradient's direction, at epochs of one cycle. */
export interface LandscapeTable {
  readonly eta: number;
  readonly threshold: number;
  readonly snapshot: number;
  /** Stable from `start`, unstable from `crossing`, stable again at `end`; L peaks at `peak`. */
  readonly cycle: { readonly start: number; readonly crossing: number; readonly peak: number; readonly end: number };
  /** The epochs of Figure 3. */
  readonly keys: Readonly<Record<"stable" | "crossing" | "developed" | "peak" | "after", number>>;
  readonly lines: readonly LandscapeRows[];
}

export interface LandscapeRows {
  readonly epoch: number;
  /** Where the parameters two epochs earlier lie on the line, projected. */
  readonly previous: number;
  readonly gradientNorm: number;
  /** `offset` x: the point θ + x·g/‖g‖. */
  readonly rows: readonly { readonly offset: number; readonly loss: number; readonly sharpness: number }[];
}
