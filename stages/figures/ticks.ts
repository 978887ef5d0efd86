/**
 * Ticks of a log axis over positive values: powers of ten over two and a half decades or more, else 1, 2, 5, and finer below one.
 * `padding`: how far the axis goes on beyond the values at each end, as a fraction of their length on it.
 */
export function logTicks(values: readonly number[], padding = 0): number[] {
  const [lowest, highest] = [Math.min(...values), Math.max(...values)];
  const beyond = (highest / lowest) ** padding;
  const [low, high] = [lowest / beyond, highest * beyond];
  const decades = Math.log10(high / low);
  const steps = decades >= 2.5 ? [1] : decades >= 0.9 ? [1, 2, 5] : [1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8];
  const [first, last] = [Math.floor(Math.log10(low)), Math.floor(Math.log10(high))];
  const all = Array.from({ length: last - first + 1 }, (_, i) => first + i).flatMap((power) =>
    // Decimal fractions as they are written, not as powers round.
    steps.map((step) => Number(`${step}e${power}`)),
  );
  const inside = all.filter((tick) => tick >= low && tick <= high);
  return inside.length > 0 ? inside : [lowest];
}
