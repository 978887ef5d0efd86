/** Figure 2's run beside its repetition in float64: what is drawn. */
import type { Rows } from "../../src/figures/compile.ts";
import { lossCurve } from "./fig02.ts";
import type { Figure2Tables } from "./mlp-tables.ts";

/** How far the float64 path is from the one that it repeats; `schemas/paths.schema.json` has it in full. */
export interface PathsTable {
  readonly eta: number;
  readonly seed: number;
  /** What the repeated path was computed in. */
  readonly compared: "f32" | "f64";
  readonly device: { readonly wanted: string; readonly used: string };
  readonly rows: readonly {
    readonly epoch: number;
    /** ‖θ − θ₆₄‖/‖θ₆₄‖ */
    readonly distance: number;
  }[];
}

export interface PrecisionTables {
  /** The run itself, as Figure 2 has it. */
  readonly single: Figure2Tables;
  readonly double: Figure2Tables;
  readonly paths: PathsTable;
  /** The distance beyond which the paths have parted. */
  readonly parted: number;
}

/** The first epoch from which on the paths are never again as close as `parted`; undefined where they are at the end. */
export function partingOf({ paths: { rows }, parted }: Pick<PrecisionTables, "paths" | "parted">): number | undefined {
  const close = rows.findLastIndex(({ distance }) => distance <= parted);
  return rows[close + 1]?.epoch;
}

export function nameOf({ compared }: PathsTable): string {
  return compared === "f32" ? "float32" : "as trained (float64)";
}

export function precisionData(tables: PrecisionTables): Record<string, Rows> {
  const { single, double, paths, parted } = tables;
  const both = [
    { path: nameOf(paths), of: single },
    { path: "float64", of: double },
  ] as const;
  const last = paths.rows.at(-1)!.epoch;
  const epoch = partingOf(tables);
  return {
    loss: both.flatMap(({ path, of }) => lossCurve(of.run, last).map((row) => ({ ...row, path }))),
    sharpness: both.flatMap(({ path, of }) =>
      of.sharpness.rows.map((row) => ({ epoch: row.epoch, sharpness: row.values[0], path })),
    ),
    similarity: both.flatMap(({ path, of }) =>
      of.similarity.snapshots.flatMap(({ index, rows }) =>
        rows.map((row) => ({ epoch: row.epoch, similarity: row.subspace, snapshot: index, path })),
      ),
    ),
    // A logarithmic axis has no place for 0.
    paths: paths.rows.filter(({ distance }) => distance > 0).map((row) => ({ ...row })),
    threshold: [{ threshold: single.sharpness.threshold, label: "2/η" }],
    limit: [{ distance: parted, label: `${100 * parted} %` }],
    parted: epoch === undefined ? [] : [{ epoch, label: `parted at epoch ${epoch}` }],
  };
}
