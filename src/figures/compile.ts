/** From a Vega-Lite spec with named data to a complete spec (data and theme inside) and to the Vega spec it means. */
import type { Spec } from "vega";
import { compile, type TopLevelSpec } from "vega-lite";
import { collectComplaints } from "./complaints.ts";
import { THEME } from "./theme.ts";

/** Rows of plain values: what Vega-Lite calls inline data. */
export type Rows = readonly Readonly<Record<string, unknown>>[];

/** A parsed `stages/figures/*.vl.json`: its data sets are named (`"data": {"name": "trajectory"}`), not given. */
export type FigureSpec = Readonly<Record<string, unknown>>;

/** The spec with `datasets` filled in and the theme as its config: complete wherever it is opened. */
export function fillSpec(spec: FigureSpec, data: Readonly<Record<string, Rows>>): TopLevelSpec {
  const wanted = [...dataNames(spec)].sort();
  const given = Object.keys(data).sort();
  const missing = wanted.filter((name) => data[name] === undefined);
  const unused = given.filter((name) => !wanted.includes(name));
  if (missing.length > 0) throw new Error(`the figure's spec names data that it was not given: ${missing.join(", ")}`);
  if (unused.length > 0) throw new Error(`the figure was given data that its spec does not name: ${unused.join(", ")}`);
  return { ...spec, datasets: data, config: THEME } as unknown as TopLevelSpec;
}

/** Compiles to Vega. A warning of Vega-Lite (a dropped channel, an unknown property) is an error here: figures are ours. */
export function compileSpec(spec: TopLevelSpec): Spec {
  const complaints = collectComplaints();
  const { spec: vega } = compile(spec, { logger: complaints.logger });
  complaints.refuse("Vega-Lite about the figure's spec");
  return vega as Spec;
}

function* dataNames(node: unknown): Generator<string> {
  if (Array.isArray(node)) {
    for (const item of node) yield* dataNames(item);
  } else if (typeof node === "object" && node !== null) {
    for (const [key, value] of Object.entries(node)) {
      const name = key === "data" ? (value as { readonly name?: unknown } | null)?.name : undefined;
      if (typeof name === "string") yield name;
      yield* dataNames(value);
    }
  }
}
