import type { FloatArray } from "./float-array.ts";
import type { Matvec } from "./lanczos.ts";
import type { HessianProducts } from "./objective.ts";

/** Runs `use` on the Hessian of L at θ `[P]`, whose products share one primal pass. */
export async function withHessian<T>(
  objective: HessianProducts,
  theta: FloatArray,
  use: (matvec: Matvec) => Promise<T>,
): Promise<T> {
  const around = await objective.linearize(theta);
  try {
    return await use(around.hvp);
  } finally {
    around.dispose();
  }
}
