import type { TopEigenpairs } from "../../src/numerics/top-eigenpairs.ts";

/** How the eigenproblems of one stage's instance were solved; `solves` in its table. */
export interface Solves {
  /** Pairs wanted of each. */
  readonly k: number;
  /** A solve has converged when each residual is at most tol·|λ₁|. */
  readonly tol: number;
  readonly count: number;
  /** Hessian-vector products of all of them. */
  readonly matvecs: number;
  /** The largest ‖Hv − λv‖/|λ₁| of a solve that ended in finite numbers; null where none did. */
  readonly worst: number | null;
  /** Those that ended otherwise, with their own largest. */
  readonly unconverged: readonly {
    readonly at: string;
    readonly status: Exclude<TopEigenpairs["status"], "converged">;
    readonly worst: number | null;
  }[];
}

export interface SolveTally {
  /** `at`: which one, e.g. `epoch 12`. */
  add(pairs: Pick<TopEigenpairs, "status" | "values" | "residuals" | "numMatvecs">, at: string): void;
  summary(): Solves;
}

export function solveTally({ k, tol }: { readonly k: number; readonly tol: number }): SolveTally {
  let [count, matvecs] = [0, 0];
  let worst: number | null = null;
  const unconverged: Solves["unconverged"][number][] = [];
  return {
    add({ status, values, residuals, numMatvecs }, at) {
      count++;
      matvecs += numMatvecs;
      const own = status === "not-finite" ? null : relativeResidual(values, residuals);
      if (own !== null) worst = Math.max(worst ?? 0, own);
      if (status !== "converged") unconverged.push({ at, status, worst: own });
    },
    summary: () => ({ k, tol, count, matvecs, worst, unconverged }),
  };
}

function relativeResidual(values: readonly number[], residuals: readonly number[]): number | null {
  const largest = Math.max(...residuals) / Math.abs(values[0] ?? 0);
  return Number.isFinite(largest) ? largest : null;
}
