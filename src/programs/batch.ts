import { definedBy } from "./emit.ts";
import { broadcastShapes, sameShape } from "./shapes.ts";
import type { Variable } from "./variable.ts";

/** The operands of a product whose first `axes` axes are batch axes, without broadcasts that the result's shape does not need. */
export function withoutBatchBroadcasts(a: Variable, b: Variable, axes: number): readonly [Variable, Variable] {
  const batch = broadcastShapes("batch axes", [a.shape.slice(0, axes), b.shape.slice(0, axes)]);
  const strip = (operand: Variable, other: Variable): Variable => {
    const source = definedBy(operand, "broadcast")?.inputs[0];
    if (source === undefined || !sameShape(source.shape.slice(axes), operand.shape.slice(axes))) return operand;
    const result = broadcastShapes("batch axes", [source.shape.slice(0, axes), other.shape.slice(0, axes)]);
    return sameShape(result, batch) ? source : operand;
  };
  const left = strip(a, b);
  return [left, strip(b, left)];
}
