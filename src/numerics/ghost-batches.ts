/** Consecutive items that batch norm sees together (PROTOCOL A.0, "Ghost batch norm"). */
export interface GhostBatch {
  readonly start: number;
  readonly end: number;
  /** What its mean loss counts in L; all of them sum to 1. */
  readonly weight: number;
  /** m of the blocked layout in which it is computed. Part of the result's last bits. */
  readonly interleave: number;
}

export interface GhostBatchOptions {
  /** Items of a ghost batch; the last one may hold fewer. */
  readonly size: number;
  /** `equal`: each ghost batch counts the same, also a smaller last one; `samples`: each sample does. */
  readonly averaging: "equal" | "samples";
  /** m by the number of items, which it must divide. */
  readonly interleave: (count: number) => number;
}

export function ghostBatches(count: number, options: GhostBatchOptions): GhostBatch[] {
  const { size, averaging, interleave } = options;
  if (!Number.isInteger(size) || size < 1) throw new Error(`a ghost batch of ${size} items`);
  if (count < 1) throw new Error("no items, so no ghost batch");
  const batches = Math.ceil(count / size);
  return Array.from({ length: batches }, (_, i) => {
    const [start, end] = [i * size, Math.min((i + 1) * size, count)];
    const m = interleave(end - start);
    if (!Number.isInteger(m) || m < 1 || (end - start) % m !== 0)
      throw new Error(`${end - start} items cannot be interleaved by ${m}`);
    return { start, end, weight: averaging === "equal" ? 1 / batches : (end - start) / count, interleave: m };
  });
}

/** The largest divisor up to 32: rows long enough for vector instructions, as measured (ONNX-RUNTIME, "Blocked image layout"). */
export function usualInterleave(count: number): number {
  let m = Math.min(32, count);
  while (count % m !== 0) m--;
  return m;
}
