import type { FloatArray } from "./float-array.ts";
import { type Curve, findPeaks } from "./instabilities.ts";

/**
 * |θ − θ*| at the middle one of three successive epochs (PROTOCOL B.5): θ* = (θ₋ + 2θ + θ₊)/4 is where an oscillation of
 * period 2 has its centre, so the distance is ¼‖θ₊ − 2θ + θ₋‖. Steady drift adds nothing to it.
 */
export function oscillation(before: FloatArray, at: FloatArray, after: FloatArray): number {
  let square = 0;
  for (let i = 0; i < at.length; i++) square += (after[i]! - 2 * at[i]! + before[i]!) ** 2;
  return Math.sqrt(square) / 4;
}

/** From one turning point to the next. */
export interface Phase {
  readonly kind: "growing" | "shrinking";
  readonly from: number;
  readonly to: number;
}

/**
 * Phases of a positive curve between its turning points, after a mean over two epochs (PROTOCOL B.5). A turning point
 * counts where the curve changes by at least `factor` before it turns again, in both directions: the curve grows over
 * orders of magnitude, and its small ripples are no phases. The first and last phase end with the curve.
 */
export function phasesOf({ epochs, values }: Curve, factor: number): Phase[] {
  const smooth = Array.from({ length: Math.max(0, epochs.length - 1) }, (_, i) =>
    Math.log((values[i]! + values[i + 1]!) / 2),
  );
  const tops = findPeaks(smooth).filter(({ prominence }) => prominence >= Math.log(factor));
  const phases: Phase[] = [];
  let turn = 0;
  const add = (kind: Phase["kind"], to: number): void => {
    if (to > turn) phases.push({ kind, from: epochs[turn]!, to: epochs[to]! });
    turn = to;
  };
  for (const { index } of tops) {
    const low = lowest(smooth, turn, index);
    add("shrinking", low);
    add("growing", index);
  }
  const last = epochs.length - 1;
  if (last < 1) return phases;
  const low = lowest(smooth, turn, smooth.length - 1);
  const risesAfter = Math.max(...smooth.slice(low)) - smooth[low]! >= Math.log(factor);
  add("shrinking", risesAfter ? low : last);
  add("growing", last);
  return phases;
}

function lowest(values: readonly number[], from: number, to: number): number {
  let best = from;
  for (let i = from; i <= to; i++) if (values[i]! < values[best]!) best = i;
  return best;
}
