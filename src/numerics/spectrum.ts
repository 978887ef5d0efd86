import type { FloatArray } from "./float-array.ts";
import { withHessian } from "./hessian.ts";
import type { HessianProducts } from "./objective.ts";
import { type TopEigenpairs, type TopEigenpairsOptions, topEigenpairs } from "./top-eigenpairs.ts";

export type SpectrumOptions = Omit<TopEigenpairsOptions, "precision" | "warmStart">;

/** The k largest eigenpairs of the Hessian of L at θ `[P]`. */
export function hessianEigenpairs(
  objective: HessianProducts,
  theta: FloatArray,
  k: number,
  options: SpectrumOptions & { readonly warmStart?: readonly FloatArray[] } = {},
): Promise<TopEigenpairs> {
  const { numParams, float } = objective;
  return withHessian(objective, theta, (matvec) =>
    topEigenpairs(matvec, numParams, k, { ...options, precision: float }),
  );
}

export interface Checkpoint {
  readonly epoch: number;
  /** `[P]` */
  readonly theta: FloatArray;
}

/** Eigenpairs along a trajectory, each warm-started from the one before; the order of the checkpoints so is part of the result. */
export async function* trackSpectrum(
  objective: HessianProducts,
  checkpoints: Iterable<Checkpoint>,
  k: number,
  options: SpectrumOptions = {},
): AsyncGenerator<TopEigenpairs & { readonly epoch: number }> {
  let before: TopEigenpairs | undefined;
  for (const { epoch, theta } of checkpoints) {
    before = await hessianEigenpairs(objective, theta, k, {
      ...options,
      ...(before === undefined ? {} : { warmStart: before.restartVectors }),
    });
    yield { epoch, ...before };
  }
}
