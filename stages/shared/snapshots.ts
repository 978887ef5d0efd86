import { type Instability as Detected, detectInstabilities } from "../../src/numerics/instabilities.ts";
import type { Instability, RunTable, SharpnessTable } from "../figures/mlp-tables.ts";

/** Epochs shown past the peak of L, at most. */
const AFTER_PEAK = 10;

/** A snapshot as the table `instabilities` has it: more than what is drawn. */
export interface Snapshot extends Instability {
  readonly sharpnessPeak: number;
  readonly prominence: number;
}

/** The instabilities of a run, and the first `count` of them as snapshots. */
export function findSnapshots(
  run: Pick<RunTable, "rows">,
  { threshold, rows }: Pick<SharpnessTable, "threshold" | "rows">,
  { count, prominence }: { readonly count: number; readonly prominence: number },
): { readonly found: readonly Detected[]; readonly snapshots: readonly Snapshot[] } {
  const found = detectInstabilities(
    { epochs: run.rows.map(({ epoch }) => epoch), values: run.rows.map(({ loss }) => loss ?? Number.MAX_VALUE) },
    { epochs: rows.map(({ epoch }) => epoch), values: rows.map(({ values }) => values[0]!) },
    { prominence, threshold },
  );
  const last = rows.at(-1)!.epoch;
  const snapshots = found.slice(0, count).map(({ baseline, lossPeak, sharpnessPeak, prominence: height }, index) => ({
    index,
    baseline,
    start: baseline,
    peak: lossPeak,
    sharpnessPeak,
    end: Math.min(lossPeak + AFTER_PEAK, found[index + 1]?.baseline ?? last, last),
    prominence: height,
  }));
  return { found, snapshots };
}
