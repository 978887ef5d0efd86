import type { OnnxValue } from "../../programs/lowering.ts";
import { sizeOf } from "../../programs/tensor.ts";

/**
 * MLAS gives each thread a share of a product's columns, in groups of 16, where the product is wider than high. It blocks
 * the inner extent by the width of the share: alike for all shares of more than 64 columns, otherwise for narrower ones.
 * So the bits of a wide product depend on the number of threads once a share is narrow, and that number has a limit.
 */
const GROUP = 16;
const NARROW = 64;
/** Inner extents up to this are one block in any case. */
const ONE_BLOCK = 128;

/** A thread for each that many multiplications. */
const SHARE = 65536;

/** The most threads with which a product `[M, K]·[K, N]` has the bits that it has with one. */
export function maxGemmThreads(m: number, k: number, n: number): number {
  // One row takes a kernel without blocks, which adds in another order: where threads share the rows, none may be left alone.
  if (m === 1) return Number.POSITIVE_INFINITY;
  if (m >= n)
    return (m * n * k) / SHARE + 1 <= m / 2 || m * n * k < SHARE ? Number.POSITIVE_INFINITY : Math.floor(m / 2);
  if (k <= ONE_BLOCK) return Number.POSITIVE_INFINITY;
  const groups = Math.ceil(n / GROUP);
  let threads = 1;
  // The last share is the smallest.
  while (n - GROUP * (groups - Math.floor(groups / (threads + 1))) > NARROW) threads += 1;
  return threads;
}

/** The same for a batched MatMul or FusedMatMul node: a batch has its threads divided among its products. */
export function maxNodeThreads(a: OnnxValue | undefined, transposeA: boolean, output: readonly number[]): number {
  const [m, n] = [output.at(-2) ?? 1, output.at(-1) ?? 1];
  const k = a?.aval.shape.at(transposeA ? -2 : -1) ?? 1;
  return sizeOf(output.slice(0, -2)) * maxGemmThreads(m, k, n);
}
