import { Resvg } from "@resvg/resvg-js";
import { beforeAll, describe, expect, it } from "vitest";
import { compileSpec, type FigureSpec, fillSpec, type Rows } from "../../src/figures/compile.ts";
import { missingGlyphs } from "../../src/figures/glyphs.ts";
import { type RenderedFigure, renderFigure } from "../../src/figures/render.ts";
import { FAMILY, fontFiles } from "../../src/figures/typeface.ts";
import { figure1Data } from "../../stages/figures/fig01.ts";
import fig01 from "../../stages/figures/fig01.vl.json" with { type: "json" };
import { figure2Data } from "../../stages/figures/fig02.ts";
import fig02 from "../../stages/figures/fig02.vl.json" with { type: "json" };
import fig03 from "../../stages/figures/fig03.vl.json" with { type: "json" };
import { figure4Data } from "../../stages/figures/fig04.ts";
import fig04 from "../../stages/figures/fig04.vl.json" with { type: "json" };
import { FIGURE_5A, figure5aData } from "../../stages/figures/fig05a.ts";
import { figure5bData, figure5bSpec } from "../../stages/figures/fig05b.ts";
import { figure6Data, figure6Spec } from "../../stages/figures/fig06.ts";
import { figure7Data, figure7Spec, figure7Table } from "../../stages/figures/fig07.ts";
import { figure8Data } from "../../stages/figures/fig08.ts";
import fig08 from "../../stages/figures/fig08.vl.json" with { type: "json" };
import { figure9Data } from "../../stages/figures/fig09.ts";
import fig09 from "../../stages/figures/fig09.vl.json" with { type: "json" };
import { figure10Data } from "../../stages/figures/fig10.ts";
import fig10 from "../../stages/figures/fig10.vl.json" with { type: "json" };
import fig11 from "../../stages/figures/fig11.vl.json" with { type: "json" };
import { figure12Data } from "../../stages/figures/fig12.ts";
import { figure12aSpec, MLP_ROW } from "../../stages/figures/fig12a.ts";
import { imageData, imageSpec } from "../../stages/figures/fig12b.ts";
import { figure13Data, figure13Spec } from "../../stages/figures/fig13.ts";
import { figure3Data, figure11Data } from "../../stages/figures/landscape-rows.ts";
import { normalised } from "./normalise.ts";
import { syntheticTables } from "./synthetic.ts";
import { syntheticLandscape, syntheticPeriods, syntheticSharpening, syntheticUnstable } from "./synthetic-cycles.ts";
import {
  EXTREME,
  MINIATURE,
  PAPER_STUDY,
  syntheticBigModels,
  syntheticFigure5b,
  syntheticFigure6,
  syntheticFigure13,
  syntheticImages,
  syntheticReduced,
} from "./synthetic-images.ts";
import { syntheticFlattening, syntheticGeneralization } from "./synthetic-models.ts";
import { dlnTable } from "./tables.ts";

const FIGURES: readonly {
  readonly name: string;
  readonly spec: FigureSpec;
  readonly data: () => Promise<Record<string, Rows>>;
}[] = [
  { name: "fig01", spec: fig01, data: async () => figure1Data(await dlnTable()) },
  { name: "fig02", spec: fig02, data: async () => figure2Data(syntheticTables()) },
  { name: "fig04", spec: fig04, data: async () => figure4Data(syntheticFlattening()) },
  {
    name: "fig05a",
    spec: FIGURE_5A,
    data: async () => figure5aData({ generalization: syntheticGeneralization(), stable: syntheticFlattening().stable }),
  },
  {
    name: "fig05b",
    spec: figure5bSpec(MINIATURE),
    data: async () => figure5bData(syntheticFigure5b(), MINIATURE, EXTREME),
  },
  {
    name: "fig06a",
    spec: figure6Spec(syntheticFigure6(), PAPER_STUDY, "sharpness", EXTREME),
    data: async () => figure6Data(syntheticFigure6(), "sharpness", EXTREME),
  },
  {
    name: "fig06b",
    spec: figure6Spec(syntheticFigure6(), MINIATURE, "accuracy", EXTREME),
    data: async () => figure6Data(syntheticFigure6(), "accuracy", EXTREME),
  },
  {
    name: "fig07",
    spec: figure7Spec(figure7Table(syntheticBigModels())),
    data: async () => figure7Data(figure7Table(syntheticBigModels())),
  },
  {
    name: "fig13",
    spec: figure13Spec(syntheticFigure13(), PAPER_STUDY),
    data: async () => figure13Data(syntheticFigure13()),
  },
  { name: "fig03", spec: fig03, data: async () => figure3Data(syntheticLandscape()) },
  { name: "fig08", spec: fig08, data: async () => figure8Data(syntheticPeriods()) },
  {
    name: "fig09",
    spec: fig09,
    data: async () => figure9Data({ ...syntheticTables(), sharpening: syntheticSharpening([41, 116, 159]) }),
  },
  { name: "fig10", spec: fig10, data: async () => figure10Data(syntheticUnstable()) },
  { name: "fig11", spec: fig11, data: async () => figure11Data(syntheticLandscape()) },
  {
    name: "fig12a",
    spec: figure12aSpec(syntheticGeneralization(), 0.01),
    data: async () => figure12Data(syntheticGeneralization(), MLP_ROW, 0.01),
  },
  {
    name: "fig12b",
    spec: imageSpec(syntheticImages(), PAPER_STUDY, "constant", 0),
    data: async () => imageData(syntheticImages(), PAPER_STUDY, "constant", 0),
  },
  {
    name: "fig12c",
    spec: imageSpec(syntheticReduced(), PAPER_STUDY, "reduced", 0),
    data: async () => imageData(syntheticReduced(), PAPER_STUDY, "reduced", 0),
  },
];

const PNG_SIGNATURE = [0x89, 0x50, 0x4e, 0x47];

describe.each(FIGURES)("$name", ({ name, spec, data }) => {
  let rows: Record<string, Rows>;
  let figure: RenderedFigure;
  beforeAll(async () => {
    rows = await data();
    figure = await renderFigure(spec, rows);
  });

  it("has the data and the compiled spec of its golden file", async () => {
    const text = normalised(compileSpec(fillSpec(spec, rows)), rows);
    await expect(text).toMatchFileSnapshot(`../golden/figures/${name}.json`);
  });

  it("is the same SVG, byte for byte, whatever was drawn before it", async () => {
    // Counters of the process move on with any figure: its neighbour's are enough.
    const other = FIGURES[(FIGURES.findIndex((figure) => figure.name === name) + 1) % FIGURES.length]!;
    await renderFigure(other.spec, await other.data());
    expect((await renderFigure(spec, rows)).svg === figure.svg).toBe(true);
  });

  it("sets all text in the theme's typeface", () => {
    const texts = [...figure.svg.matchAll(/<text([^>]*)>/g)];
    expect(texts.length).toBeGreaterThan(15);
    for (const [, attributes] of texts) expect(attributes).toContain(`font-family="${FAMILY}, sans-serif"`);
    expect(missingGlyphs(figure.svg)).toEqual([]);
  });

  it("cuts off no text: all of it lies inside, and none was shortened", () => {
    const font = { loadSystemFonts: false, fontFiles: fontFiles(), defaultFontFamily: FAMILY };
    // Marks may reach beyond a panel that clips them: without the shapes, the texts' box remains.
    const resvg = new Resvg(figure.svg.replace(/<(path|line|rect)\b[^>]*\/>/g, ""), { font });
    const box = resvg.getBBox()!;
    expect(box.x).toBeGreaterThanOrEqual(0);
    expect(box.y).toBeGreaterThanOrEqual(0);
    expect(box.x + box.width).toBeLessThanOrEqual(resvg.width);
    expect(box.y + box.height).toBeLessThanOrEqual(resvg.height);
    expect(figure.svg).not.toContain("…");
  });

  it("comes as a PNG of twice the size", () => {
    const png = Buffer.from(figure.png);
    expect([...png.subarray(0, 4)]).toEqual(PNG_SIGNATURE);
    const [width, height] = [
      Number(/width="(\d+)"/.exec(figure.svg)![1]),
      Number(/height="(\d+)"/.exec(figure.svg)![1]),
    ];
    // IHDR: width and height, big-endian, after signature, length and type.
    expect([png.readUInt32BE(16), png.readUInt32BE(20)]).toEqual([2 * width, 2 * height]);
  });

  it("is complete: its spec names no data that is not inside", () => {
    const { datasets, config } = figure.spec as unknown as { datasets: Record<string, Rows>; config: { font: string } };
    expect(Object.keys(datasets).sort()).toEqual(Object.keys(rows).sort());
    expect(Object.values(datasets).every((set) => set.length > 0)).toBe(true);
    expect(config.font).toBe(FAMILY);
  });
});

describe("a figure that does not fit", () => {
  const spec = (encoding: object, title = "x"): FigureSpec => ({
    title,
    data: { name: "points" },
    mark: "point",
    encoding: { x: { field: "x", type: "quantitative" }, ...encoding },
  });
  const points = [{ x: 1 }, { x: 2 }];
  // Not the figure itself, which a failed expectation would print whole.
  const svgLength = async (of: FigureSpec, rows: Rows = points): Promise<number> =>
    (await renderFigure(of, { points: rows })).svg.length;

  it("is refused when data are missing or left over", async () => {
    await expect(renderFigure(spec({}), {})).rejects.toThrow("was not given: points");
    await expect(renderFigure(spec({}), { points, more: points })).rejects.toThrow("does not name: more");
  });

  it("is refused when Vega-Lite would drop a part of it", async () => {
    const wrong = spec({ sizes: { field: "x", type: "quantitative" } });
    await expect(svgLength(wrong)).rejects.toThrow(/Vega-Lite about the figure's spec: sizes-encoding is dropped/);
  });

  it("is refused when Vega has nothing to draw", async () => {
    await expect(svgLength(spec({}), [{ x: Number.NaN }])).rejects.toThrow(/Infinite extent/);
  });

  it("is refused when a character has no glyph, which it names", async () => {
    await expect(svgLength(spec({}, "|∇L|"))).rejects.toThrow('∇ (U+2207, in "|∇L|")');
  });

  it("draws subscript letters that the typeface lacks", async () => {
    const { svg } = await renderFigure(spec({}, "γᵦ & ηₑₒₛ"), { points });
    expect(svg).toContain("&amp; η");
    expect(svg).toMatch(/γ<tspan dy="[\d.]+" font-size="[\d.]+px">β<\/tspan>/);
  });
});
