import { add, sumTo } from "../ops.ts";
import type { Primitive } from "../primitive.ts";
import type { Variable } from "../variable.ts";

/**
 * The derivative rules of a primitive that is linear in each of its two operands. `of` is the primitive itself, `pull`
 * gives the operands' cotangents in the shapes that they were broadcast to.
 */
export function bilinear<P>(
  name: string,
  of: (a: Variable, b: Variable, params: P) => Variable,
  pull: (g: Variable, a: Variable, b: Variable, params: P) => readonly [() => Variable, () => Variable],
): Pick<Primitive<P>, "name" | "jvp" | "vjp"> {
  return {
    name,
    jvp: ([ta, tb], [a, b], _, params) => {
      const left = ta === undefined ? undefined : of(ta, b!, params);
      const right = tb === undefined ? undefined : of(a!, tb, params);
      return left !== undefined && right !== undefined ? add(left, right) : (left ?? right);
    },
    vjp: (g, [a, b], _, params, wanted) => {
      const [forA, forB] = pull(g, a!, b!, params);
      return [wanted[0] ? sumTo(forA(), a!.shape) : undefined, wanted[1] ? sumTo(forB(), b!.shape) : undefined];
    },
  };
}
