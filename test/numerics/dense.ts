import type { FloatArray } from "../../src/numerics/float-array.ts";
import type { Matvec } from "../../src/numerics/lanczos.ts";
import type { Objective } from "../../src/numerics/objective.ts";

/** The Hessian of a small network as P columns: one block of products with the unit vectors. */
export async function denseHessian(
  objective: Pick<Objective, "numParams" | "linearize">,
  theta: FloatArray,
): Promise<number[][]> {
  const n = objective.numParams;
  const units = new Float64Array(n * n);
  for (let i = 0; i < n; i++) units[i * n + i] = 1;
  const around = await objective.linearize(theta);
  const columns = await around.hvp(units);
  around.dispose();
  return Array.from({ length: n }, (_, i) => Array.from(columns.subarray(i * n, (i + 1) * n)));
}

/** Products with a dense matrix. */
export function productWith(matrix: readonly (readonly number[])[]): Matvec {
  return async (v) =>
    v.map((_, i) => {
      const row = matrix[i]!;
      let total = 0;
      for (let j = 0; j < row.length; j++) total += row[j]! * v[j]!;
      return total;
    }) as FloatArray;
}
