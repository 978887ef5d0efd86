import { concat, mul, reshape, sliceAxis, square, sub, sum } from "../programs/ops.ts";
import type { Program } from "../programs/program.ts";
import { simplify } from "../programs/simplify.ts";
import { inline, inputsOf, trace } from "../programs/trace.ts";
import type { Variable } from "../programs/variable.ts";

/**
 * Several steps of gradient descent as one program. Inputs: those of `gradient` (θ `[R, P]`, x, y) and η `[R, steps]`.
 * Outputs: `stats` `[R, 4·steps]`, for each step loss, correct samples, ‖g‖² and ‖θ‖² before it; then θ `[R, P]` after each
 * step where `keepAll`, else after the last.
 */
export function stepProgram(gradient: Program, steps: number, keepAll: boolean): Program {
  const [theta, ...data] = inputsOf(gradient);
  const { dtype, shape } = theta!.aval;
  const replicas = shape[0]!;
  const kept = keepAll ? Array.from({ length: steps }, (_, s) => s) : [steps - 1];
  const program = trace(
    (start, ...rest) => {
      const rates = rest.at(-1)!;
      const fixed = rest.slice(0, -1);
      const stats: Variable[] = [];
      const thetas: Variable[] = [];
      let current = start;
      for (let s = 0; s < steps; s++) {
        const [loss, correct, g] = inline(gradient, [current, ...fixed]);
        const numbers = [loss!, correct!, sum(square(g!), [1]), sum(square(current), [1])];
        stats.push(...numbers.map((value) => reshape(value, [replicas, 1])));
        current = sub(current, mul(sliceAxis(rates, 1, s, s + 1), g!));
        thetas.push(current);
      }
      return [concat(stats, 1), ...kept.map((s) => thetas[s]!)];
    },
    [theta!, ...data, { name: "eta", aval: { dtype, shape: [replicas, steps] } }],
    ["stats", ...kept.map((s) => `theta.${s + 1}`)],
  );
  return simplify(program);
}

export const STATS_PER_STEP = 4;
