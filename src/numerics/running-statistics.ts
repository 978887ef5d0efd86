import type { FloatArray } from "./float-array.ts";

/**
 * Statistics of batch norms, `[S]`: for each of them the means of its channels and then their biased variances, one batch
 * norm after another, as `ImageNetwork` lays them out.
 */

/** How much of a running statistic is kept with each ghost batch (PROTOCOL A.0). */
export const STATISTICS_DECAY = 0.99;

/** Before any batch: means 0, variances 1, by the channels of each batch norm. */
export function initialStatistics(channels: readonly number[]): Float64Array {
  return Float64Array.from(
    channels.flatMap((count) => Array.from({ length: 2 * count }, (_, i) => (i < count ? 0 : 1))),
  );
}

/** One ghost batch more in an exponential moving average, in place. */
export function updateStatistics(running: Float64Array, batch: FloatArray, decay = STATISTICS_DECAY): void {
  for (let i = 0; i < running.length; i++) running[i] = decay * running[i]! + (1 - decay) * batch[i]!;
}

/**
 * The statistics of all samples together, from those of disjoint batches: the mean of the means, and the mean of the
 * variances plus the variance of the means, weighted by samples. The activations are those of training mode, in which
 * every layer below normalises by its own ghost batch ("precise" statistics: Wu and Johnson 2021, "Rethinking 'Batch' in
 * BatchNorm", section 3); with one ghost batch they are that batch's.
 */
export function poolStatistics(
  channels: readonly number[],
  batches: readonly { readonly count: number; readonly statistics: FloatArray }[],
): Float64Array {
  const total = batches.reduce((sum, { count }) => sum + count, 0);
  const pooled = new Float64Array(2 * channels.reduce((sum, count) => sum + count, 0));
  let offset = 0;
  for (const width of channels) {
    for (let c = offset; c < offset + width; c++) {
      let mean = 0;
      for (const { count, statistics } of batches) mean += (count / total) * statistics[c]!;
      let variance = 0;
      for (const { count, statistics } of batches)
        variance += (count / total) * (statistics[c + width]! + (statistics[c]! - mean) ** 2);
      pooled[c] = mean;
      pooled[c + width] = variance;
    }
    offset += 2 * width;
  }
  return pooled;
}
