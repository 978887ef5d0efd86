import { readFileSync, writeFileSync } from "node:fs";
import type { GhostBatch } from "../../src/numerics/ghost-batches.ts";
import type { CurvatureObjective } from "../../src/numerics/objective.ts";
import type { StageContext } from "../../src/stage.ts";

export function readTable<T>(context: StageContext, dep: string): T {
  return JSON.parse(readFileSync(context.dep(dep).path, "utf8")) as T;
}

/** All tables of a dep that fans in. */
export function readTables<T>(context: StageContext, dep: string): T[] {
  return context.depAll(dep).map(({ path }) => JSON.parse(readFileSync(path, "utf8")) as T);
}

/** What decides the bits beside params and platform. */
type Made = Pick<CurvatureObjective, "ghostBatches">;

/**
 * Writes a table with what it was made from. The key and the code digest stay out: they would change the bytes where the
 * numbers are the same, and with them everything downstream.
 */
export function writeTable(context: StageContext, out: string, table: object, made: Made = {}): void {
  writeFileSync(context.out(out), `${JSON.stringify({ ...table, provenance: provenanceOf(context, made) })}\n`);
}

/** `made`: the objective whose loss it is about. */
export function provenanceOf({ provenance: { stage, params, platform } }: StageContext, { ghostBatches }: Made = {}) {
  return { stage, params, platform, ...(ghostBatches === undefined ? {} : { ghostBatches: summaryOf(ghostBatches) }) };
}

/** The rule for the layout is in the code, so in the key; which layout it was is told nowhere else. */
function summaryOf(batches: readonly GhostBatch[]) {
  const runs: { count: number; readonly images: number; readonly interleave: number }[] = [];
  for (const { start, end, interleave } of batches) {
    const images = end - start;
    const last = runs.at(-1);
    if (last?.images === images && last.interleave === interleave) last.count++;
    else runs.push({ count: 1, images, interleave });
  }
  return runs;
}

export function finiteOrNull(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}
