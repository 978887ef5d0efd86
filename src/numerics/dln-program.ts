import { addScalar, mul, reshape, scale, sliceAxis } from "../programs/ops.ts";
import type { Program } from "../programs/program.ts";
import { trace } from "../programs/trace.ts";
import type { Variable } from "../programs/variable.ts";
import { type Polynomial, QUADRATIC } from "./dln.ts";

/**
 * The diagonal linear network as a program: `theta [R, n]` → `loss [R]` = z(∏ θ_i), from which `grad` and `jvp` give what
 * `dln.ts` has in closed form. The smallest network on which a runtime's derivatives can be checked against exact numbers.
 */
export function dlnProgram(replicas: number, n: number, z: Polynomial = QUADRATIC): Program {
  return trace(
    (theta) => {
      let big: Variable = sliceAxis(theta, 1, 0, 1); // [R, 1]
      for (let i = 1; i < n; i++) big = mul(big, sliceAxis(theta, 1, i, i + 1));
      return [reshape(horner(z, big), [replicas])];
    },
    [{ name: "theta", aval: { dtype: "f32", shape: [replicas, n] } }],
    ["loss"],
  );
}

function horner(z: Polynomial, x: Variable): Variable {
  const [constant = 0, ...rest] = z;
  const last = rest.pop();
  if (last === undefined) return addScalar(scale(x, 0), constant);
  let value = scale(x, last);
  for (const coefficient of rest.reverse()) value = mul(coefficient === 0 ? value : addScalar(value, coefficient), x);
  return constant === 0 ? value : addScalar(value, constant);
}
