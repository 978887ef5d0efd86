import { Resvg } from "@resvg/resvg-js";
import { beforeAll, describe, expect, it } from "vitest";
import { compileSpec, type FigureSpec, fillSpec, type Rows } from "../../src/figures/compile.ts";
import { missingGlyphs } from "../../src/figures/glyphs.ts";
import { type RenderedFigure, renderFigure } from "../../src/figures/render.ts";
import { FAMILY, FONT_FAMILY, fontFiles } from "../../src/figures/typeface.ts";
import { FIGURES } from "./drawn.ts";
import { normalised } from "./normalise.ts";

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
    for (const [, attributes] of texts) expect(attributes).toContain(`font-family="${FONT_FAMILY}"`);
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
    expect(config.font).toBe(FONT_FAMILY);
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
