/** A curve over epochs, ascending. */
export interface Curve {
  readonly epochs: readonly number[];
  readonly values: ArrayLike<number>;
}

export interface Instability {
  /** Where the comparison starts: the minimum of S since the peak before. */
  readonly baseline: number;
  /** The peak of L. */
  readonly lossPeak: number;
  /** The peak of S that one climbs to from there. */
  readonly sharpnessPeak: number;
  /** How far L falls on both sides before it rises higher than the peak. */
  readonly prominence: number;
}

export interface Peak {
  readonly index: number;
  readonly prominence: number;
}

/**
 * Local maxima and their prominence: the height above the higher one of the two lowest points that separate the peak from
 * higher ground (or the end of the curve). A flat top counts at its first point; the ends of a curve are no peaks.
 */
export function findPeaks(values: ArrayLike<number>): Peak[] {
  const peaks: Peak[] = [];
  for (let i = 1; i < values.length - 1; i++) {
    if (!(values[i]! > values[i - 1]!)) continue;
    let after = i;
    while (after + 1 < values.length && values[after + 1] === values[i]) after++;
    if (after + 1 === values.length || !(values[after + 1]! < values[i]!)) continue;
    const prominence = values[i]! - Math.max(lowestTo(values, i, -1), lowestTo(values, i, 1));
    peaks.push({ index: i, prominence });
  }
  return peaks;
}

/** The lowest value between a peak and the nearest higher one in a direction. */
function lowestTo(values: ArrayLike<number>, peak: number, direction: 1 | -1): number {
  let lowest = values[peak]!;
  for (let i = peak + direction; i >= 0 && i < values.length && !(values[i]! > values[peak]!); i += direction)
    lowest = Math.min(lowest, values[i]!);
  return lowest;
}

/** Lesser peaks of L, down to this share of the wanted prominence, still end the calm before the next instability. */
const SEPARATES = 0.5;

/**
 * Instabilities of a trajectory (PROTOCOL A.0): peaks of L with at least this prominence, each with the peak of S beside it
 * and a baseline at the minimum of S since the peak before. Before the first, S has risen from initialisation, so its
 * baseline is the last measured epoch that was still stable, S ≤ `threshold` (2/η).
 */
export function detectInstabilities(
  loss: Curve,
  sharpness: Curve,
  { prominence, threshold }: { readonly prominence: number; readonly threshold: number },
): Instability[] {
  const found: Instability[] = [];
  // The S-peak before, as an index of `sharpness`.
  let previous: number | undefined;
  for (const peak of findPeaks(loss.values)) {
    if (peak.prominence < SEPARATES * prominence) continue;
    const lossPeak = loss.epochs[peak.index]!;
    const top = climb(sharpness.values, nearest(sharpness.epochs, lossPeak));
    // The same S-peak again: one instability with two tops of L.
    if (previous !== undefined && top <= previous) continue;
    const lowest =
      previous === undefined
        ? lastStable(sharpness.values, top, threshold)
        : lowestBetween(sharpness.values, previous, top);
    previous = top;
    if (peak.prominence < prominence || lowest === undefined) continue;
    found.push({
      baseline: sharpness.epochs[lowest]!,
      lossPeak,
      sharpnessPeak: sharpness.epochs[top]!,
      prominence: peak.prominence,
    });
  }
  return found;
}

function nearest(epochs: readonly number[], epoch: number): number {
  let best = 0;
  epochs.forEach((candidate, i) => {
    if (Math.abs(candidate - epoch) < Math.abs(epochs[best]! - epoch)) best = i;
  });
  return best;
}

function climb(values: ArrayLike<number>, start: number): number {
  let at = start;
  for (;;) {
    const left = values[at - 1] ?? Number.NEGATIVE_INFINITY;
    const right = values[at + 1] ?? Number.NEGATIVE_INFINITY;
    if (left <= values[at]! && right <= values[at]!) return at;
    at += right > left ? 1 : -1;
  }
}

function lastStable(values: ArrayLike<number>, before: number, threshold: number): number | undefined {
  for (let i = before - 1; i >= 0; i--) if (values[i]! <= threshold) return i;
  return undefined;
}

function lowestBetween(values: ArrayLike<number>, from: number, to: number): number | undefined {
  let lowest: number | undefined;
  for (let i = from + 1; i < to; i++) if (lowest === undefined || values[i]! < values[lowest]!) lowest = i;
  return lowest;
}
