import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { compileSpec, type FigureSpec } from "../../src/figures/compile.ts";
import { makeInteractive } from "../../src/report/interactive.ts";
import { FIGURES } from "../figures/drawn.ts";
import { repository } from "../rig/workspace.ts";

const folder = join(repository, "stages/figures");
const files = readdirSync(folder).filter((name) => name.endsWith(".vl.json"));
const read = (name: string): FigureSpec => JSON.parse(readFileSync(join(folder, name), "utf8")) as FigureSpec;
/** A spec with slots is not one yet: its figures are. */
const specs: readonly (readonly [string, FigureSpec])[] = [
  ...files.map((name) => [name, read(name)] as const).filter(([, spec]) => !JSON.stringify(spec).includes('{"slot":')),
  ...FIGURES.map(({ name, spec }) => [name, spec] as const),
];

/** Vega-Lite warns of what it cannot do; `compileSpec` makes that an error. */
const compiled = (spec: FigureSpec): object => compileSpec(spec as unknown as Parameters<typeof compileSpec>[0]);

interface Found {
  readonly legends: unknown[];
  readonly axes: number;
}

function guides(node: unknown, found: Found = { legends: [], axes: 0 }): Found {
  if (Array.isArray(node)) return node.reduce((sum: Found, item) => guides(item, sum), found);
  if (typeof node !== "object" || node === null) return found;
  let result = found;
  for (const [key, value] of Object.entries(node)) {
    if (key === "legends") result = { ...result, legends: [...result.legends, value] };
    else if (key === "axes" && Array.isArray(value)) result = { ...result, axes: result.axes + value.length };
    else result = guides(value, result);
  }
  return result;
}

describe("interactive figures", () => {
  it.each(specs)("%s compiles without a warning, with the legends and axes it had", (_, plain) => {
    const { spec } = makeInteractive(plain, {});
    expect(spec).not.toEqual(plain);
    expect(guides(compiled(spec))).toEqual(guides(compiled(plain)));
  });

  const line = {
    data: { name: "rows" },
    mark: "line",
    encoding: {
      x: { field: "epoch", type: "quantitative" },
      y: { field: "loss", type: "quantitative", title: "L(θ)" },
      color: { field: "run", type: "nominal" },
    },
  };

  it("gives a curve points that cannot be seen and tell its fields by their titles", () => {
    const { spec } = makeInteractive(line, { rows: [{}, {}] });
    expect(spec.layer).toMatchObject([
      { mark: "line", params: [{ bind: "scales" }] },
      {
        mark: { type: "point", opacity: 0 },
        encoding: { tooltip: [{ field: "epoch", title: "epoch" }, { field: "loss", title: "L(θ)" }, { field: "run" }] },
      },
    ]);
    expect(compiled(spec)).toBeDefined();
  });

  it("lets points that a curve has tell their values, and the curve itself none", () => {
    const { spec } = makeInteractive({ ...line, mark: { type: "line", point: { size: 9 } } }, {});
    expect(spec.mark).toEqual({ type: "line", point: { size: 9, tooltip: true } });
    const { marks } = compiled(spec) as { marks: { type: string; encode?: { update: { tooltip?: object } } }[] };
    const told = Object.fromEntries(marks.map(({ type, encode }) => [type, encode?.update.tooltip !== undefined]));
    expect(told).toEqual({ group: false, symbol: true });
  });

  it("gives none to a curve of more points than a page can hold, and keeps tooltips that the figure has", () => {
    expect(makeInteractive(line, { rows: Array.from({ length: 10_000 }, () => ({})) }).spec.layer).toBeUndefined();
    const own = { ...line, mark: { type: "point", tooltip: false } };
    expect(makeInteractive(own, {}).spec.mark).toEqual(own.mark);
  });

  it("zooms only what has continuous scales of its own", () => {
    const bars = {
      ...line,
      mark: "bar",
      encoding: { x: { field: "run", type: "nominal" }, y: { aggregate: "count" } },
    };
    expect(makeInteractive(bars, {}).zooms).toBe(0);
    const shared = makeInteractive({ hconcat: [line], resolve: { scale: { y: "shared" } } }, {});
    expect(JSON.stringify(shared.spec)).toContain('"encodings":["x"]');
    expect(makeInteractive({ hconcat: [line, line] }, {}).zooms).toBe(2);
    const facet = { facet: { column: { field: "panel" } }, spec: line };
    const apart = { x: "independent", y: "independent" };
    expect(makeInteractive({ ...facet, resolve: { scale: apart } }, {}).zooms).toBe(0);
    expect(makeInteractive(facet, {}).zooms).toBe(1);
  });
});
