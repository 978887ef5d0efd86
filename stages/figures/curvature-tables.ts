/** What is known of the Hessian beyond its largest eigenvalues; `schemas/` has the tables in full. */
export interface QuadratureRow {
  readonly nodes: readonly number[];
  readonly weights: readonly number[];
  readonly residuals: readonly number[];
}

export interface DensityTable {
  readonly eta: number;
  readonly threshold: number;
  /** Order of the Hessian, P. */
  readonly parameters: number;
  readonly steps: number;
  readonly rows: readonly {
    readonly epoch: number;
    readonly role: "initial" | "before" | "peak" | "after" | "last";
    readonly quadratures: readonly QuadratureRow[];
  }[];
}

export interface TraceTable {
  readonly eta: number;
  readonly rows: readonly {
    readonly epoch: number;
    readonly trace: number;
    /** Standard errors. */
    readonly traceError: number;
    /** ‖H‖²_F */
    readonly squaredNorm: number;
    readonly squaredNormError: number;
  }[];
}

export interface LayersTable {
  readonly eta: number;
  readonly threshold: number;
  readonly layers: readonly { readonly name: string; readonly parameters: number }[];
  /** `values[i]`: λ₁ of layer i's diagonal block. */
  readonly rows: readonly { readonly epoch: number; readonly values: readonly number[] }[];
}

export interface ColdTable {
  readonly eta: number;
  readonly rows: readonly {
    readonly epoch: number;
    readonly values: readonly number[];
    readonly matvecs: number;
  }[];
}

export interface ConvergenceTable {
  readonly stages: readonly StageSolves[];
  /** Products of each solve along Figure 2's run: warm-started from the one before, and cold where that was measured too. */
  readonly trajectory: readonly {
    readonly epoch: number;
    readonly warm: number;
    readonly cold: number | null;
    /** |S cold − S warm|/S */
    readonly difference: number | null;
  }[];
}

/** All eigensolves of a stage. */
export interface StageSolves {
  readonly stage: string;
  readonly instances: number;
  readonly k: number;
  readonly tol: number;
  readonly count: number;
  readonly converged: number;
  readonly matvecs: number;
  /** The largest ‖Hv − λv‖/|λ₁|; null where no solve ended in finite numbers. */
  readonly worst: number | null;
  readonly unconverged: readonly {
    readonly instance: string;
    readonly at: string;
    readonly status: "max-matvecs" | "not-finite";
    readonly worst: number | null;
  }[];
}
