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
