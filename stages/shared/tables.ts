import { readFileSync, writeFileSync } from "node:fs";
import type { StageContext } from "../../src/stage.ts";

/** The MLP's tables as stages write and read them; `schemas/` has them with units. */
export interface RunTable {
  readonly eta: number;
  readonly seed: number;
  readonly ending: { readonly reason: "complete" | "diverged" | "epochs"; readonly epoch: number };
  readonly rows: readonly RunRow[];
}

export interface RunRow {
  readonly epoch: number;
  /** Numbers that are not finite are null, here and below: JSON has no other name for them. */
  readonly loss: number | null;
  readonly trainAccuracy: number;
  readonly gradientNorm: number | null;
}

export interface SharpnessTable {
  readonly eta: number;
  /** 2/η */
  readonly threshold: number;
  readonly rows: readonly {
    readonly epoch: number;
    readonly values: readonly number[];
    readonly residuals: readonly number[];
    readonly matvecs: number;
  }[];
}

export interface Snapshot {
  readonly index: number;
  readonly baseline: number;
  readonly start: number;
  /** Of L. */
  readonly peak: number;
  readonly end: number;
}

export interface InstabilitiesTable {
  readonly eta: number;
  readonly threshold: number;
  readonly period: number;
  readonly snapshots: readonly Snapshot[];
}

export function readTable<T>(context: StageContext, dep: string): T {
  return JSON.parse(readFileSync(context.dep(dep).path, "utf8")) as T;
}

/**
 * Writes a table with what it was made from. The key and the code digest stay out: they would change the bytes where the
 * numbers are the same, and with them everything downstream.
 */
export function writeTable(context: StageContext, out: string, table: object): void {
  writeFileSync(context.out(out), `${JSON.stringify({ ...table, provenance: provenanceOf(context) })}\n`);
}

export function provenanceOf({ provenance: { stage, params, platform } }: StageContext) {
  return { stage, params, platform };
}

export function finiteOrNull(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}
