import type { Curve } from "./instabilities.ts";

/** From stability to instability and back, in epochs. */
export interface Cycle {
  /** While S ≤ 2/η, or the first epoch of the curve. */
  readonly start: number;
  /** The first epoch with S > 2/η. */
  readonly crossing: number;
  /** The first epoch after the peak with S ≤ 2/η, or the last of the curve. */
  readonly end: number;
}

/** Stable epochs shown before the crossing, at most (the paper's cycle has 12). */
const LEAD = 12;

/**
 * The cycle around a peak (of L or S) of an unstable run: from the calm before the last crossing of `threshold` ahead of
 * the peak to the first stable epoch after it. The calm begins where S is lowest, at most `LEAD` epochs ahead.
 */
export function cycleAround({ epochs, values }: Curve, peak: number, threshold: number): Cycle {
  const isStable = (i: number): boolean => values[i]! <= threshold;
  const indices = epochs.map((_, i) => i);
  const lastStable = indices.findLast((i) => epochs[i]! < peak && isStable(i)) ?? 0;
  const crossing = Math.min(lastStable + 1, epochs.length - 1);
  let start = lastStable;
  for (let i = lastStable; i >= 0 && isStable(i) && epochs[crossing]! - epochs[i]! <= LEAD; i--)
    if (values[i]! <= values[start]!) start = i;
  const end = indices.find((i) => epochs[i]! > peak && isStable(i)) ?? epochs.length - 1;
  return { start: epochs[start]!, crossing: epochs[crossing]!, end: epochs[end]! };
}
