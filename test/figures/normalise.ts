/** A figure for a golden file: its compiled spec without values, and each data set by its size, its ends and its sums. */
import type { Spec } from "vega";
import type { Rows } from "../../src/figures/compile.ts";

const DIGITS = 6;

/** Floats to six digits: enough to see a change, few enough to be the same on every machine. */
function rounded(value: unknown): unknown {
  if (typeof value === "number") return Number(value.toPrecision(DIGITS));
  if (Array.isArray(value)) return value.map(rounded);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, rounded(inner)]));
}

function summaryOf(rows: Rows): unknown {
  const sums: Record<string, number> = {};
  for (const row of rows) {
    for (const [key, value] of Object.entries(row)) {
      if (typeof value === "number") sums[key] = (sums[key] ?? 0) + value;
    }
  }
  // A sum over symmetric columns is rounding noise.
  for (const key of Object.keys(sums)) if (Math.abs(sums[key]!) < 1e-9) sums[key] = 0;
  return { rows: rows.length, first: rows[0], last: rows.at(-1), sums };
}

export function normalised(vega: Spec, data: Readonly<Record<string, Rows>>): string {
  const withoutValues = JSON.parse(
    JSON.stringify(vega, (key, value) =>
      key === "values" && Array.isArray(value) && typeof value[0] === "object" ? undefined : value,
    ),
  );
  const summaries = Object.fromEntries(Object.entries(data).map(([name, rows]) => [name, summaryOf(rows)]));
  return `${JSON.stringify(rounded({ data: summaries, vega: withoutValues }), null, 1)}\n`;
}
