import type { TopLevelSpec } from "vega-lite";
import { compileSpec, type FigureSpec, fillSpec, type Rows } from "./compile.ts";
import { missingGlyphs } from "./glyphs.ts";
import { pngOf } from "./png.ts";
import { svgOf } from "./svg.ts";

export interface RenderedFigure {
  /** The Vega-Lite spec with its data and theme inside. */
  readonly spec: TopLevelSpec;
  readonly svg: string;
  readonly png: Uint8Array;
}

/**
 * Draws a figure: named data into the spec, Vega-Lite to Vega to SVG, and to PNG at twice the size. The same spec and data
 * give the same SVG, byte for byte. Throws on a spec that does not fit its data, on any warning of Vega's, and on a
 * character without a glyph: all are mistakes in our own files.
 */
export async function renderFigure(spec: FigureSpec, data: Readonly<Record<string, Rows>>): Promise<RenderedFigure> {
  const filled = fillSpec(spec, data);
  // Vega marks the rows that it is given.
  const svg = await svgOf(compileSpec(structuredClone(filled)));
  const missing = missingGlyphs(svg);
  if (missing.length > 0) {
    const list = missing.map(({ character, codePoint, text }) => `${character} (${codePoint}, in "${text}")`);
    throw new Error(`the figures' typeface has no glyph for ${list.join(", ")}`);
  }
  return { spec: filled, svg, png: pngOf(svg) };
}
