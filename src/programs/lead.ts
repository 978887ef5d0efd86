import { formatShape } from "./shapes.ts";
import type { Aval, Shape } from "./tensor.ts";

/**
 * A value with a leading axis of length 1 may have several tangents at once, on that axis (`jvp`'s `tangents`). Rules that
 * name shapes adapt them by these; the axis must stay where it is.
 */

/** Whether `tangent` carries several tangents of `input`. */
export function carriesSeveral(tangent: Aval, input: Aval): boolean {
  return tangent.shape[0] !== input.shape[0];
}

/** `shape`, an output's, with the tangent's leading axis. */
export function withLead(what: string, shape: Shape, tangent: Aval, input: Aval): Shape {
  if (!carriesSeveral(tangent, input)) return shape;
  if (shape[0] !== 1) refuseLead(what, tangent, shape);
  return [tangent.shape[0]!, ...shape.slice(1)];
}

export function refuseLead(what: string, tangent: Aval, shape: Shape): never {
  throw new Error(
    `jvp of ${what}: ${tangent.shape[0]} tangents on the leading axis do not survive a result of shape ${formatShape(shape)}`,
  );
}
