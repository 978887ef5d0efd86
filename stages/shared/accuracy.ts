import type { FloatArray } from "../../src/numerics/float-array.ts";
import type { Objective } from "../../src/numerics/objective.ts";

/** How many θ share a program: enough to fill the cores, few enough for the activations of a large test set. */
const BATCH = 16;

/** The accuracy of each θ `[P]` on a split. */
export async function accuracies(
  objective: Objective,
  thetas: readonly FloatArray[],
  split: string,
): Promise<number[]> {
  const result: number[] = [];
  for (let start = 0; start < thetas.length; start += BATCH) {
    const batch = thetas.slice(start, start + BATCH);
    const stacked = new Float64Array(batch.length * objective.numParams);
    batch.forEach((theta, i) => {
      stacked.set(theta, i * objective.numParams);
    });
    result.push(...(await objective.evaluate(stacked, split)).accuracy);
  }
  return result;
}
