import { readFileSync, writeFileSync } from "node:fs";
import type { StageContext } from "../../src/stage.ts";

export function readTable<T>(context: StageContext, dep: string): T {
  return JSON.parse(readFileSync(context.dep(dep).path, "utf8")) as T;
}

/** All tables of a dep that fans in. */
export function readTables<T>(context: StageContext, dep: string): T[] {
  return context.depAll(dep).map(({ path }) => JSON.parse(readFileSync(path, "utf8")) as T);
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
