import type { OnnxBuilder, OnnxValue } from "../../programs/lowering.ts";
import type { Equation } from "../../programs/program.ts";
import { sameShape } from "../../programs/shapes.ts";
import type { Variable } from "../../programs/variable.ts";
import type { Uses } from "./fusion.ts";

/**
 * Selections by a mask that `step` made, which is 0 or 1: the larger of two is `Max`, and a selection from zero a product.
 * `Where` takes one thread and a condition of its own.
 */
export function lowerSelection(
  builder: OnnxBuilder,
  { definition }: Uses,
  value: (variable: Variable) => OnnxValue,
  { primitive, inputs, output }: Equation,
): OnnxValue | undefined {
  if (primitive.name !== "select" || output.dtype !== "f32") return undefined;
  const [mask, a, b] = inputs as [Variable, Variable, Variable];
  const of = definition(mask, "step")?.inputs[0];
  if (of === undefined || !sameShape(mask.shape, output.shape)) return undefined;
  const difference = definition(of, "sub")?.inputs;
  if (difference !== undefined && difference[0] === a && difference[1] === b)
    return builder.node("Max", [value(b), value(a)], output);
  const isZero = (variable: Variable): boolean =>
    (definition(variable, "fill")?.params as { readonly value: number } | undefined)?.value === 0;
  const product = (x: Variable): OnnxValue => builder.node("Mul", [value(x), value(mask)], output);
  if (isZero(b) && sameShape(a.shape, output.shape)) return product(a);
  if (isZero(a) && sameShape(b.shape, output.shape)) return builder.node("Sub", [value(b), product(b)], output);
  return undefined;
}
