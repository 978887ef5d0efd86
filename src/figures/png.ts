import { Resvg } from "@resvg/resvg-js";
import { SURROUNDINGS } from "./colors.ts";
import { FAMILY, fontFiles } from "./typeface.ts";

/** Pixels of the PNG to one of the SVG. */
const SCALE = 2;

/** SVG → PNG with the figures' own typeface; the machine's fonts are not loaded. */
export function pngOf(svg: string): Uint8Array {
  const resvg = new Resvg(svg, {
    font: { loadSystemFonts: false, fontFiles: fontFiles(), defaultFontFamily: FAMILY, sansSerifFamily: FAMILY },
    fitTo: { mode: "zoom", value: SCALE },
    background: SURROUNDINGS.paper,
  });
  return resvg.render().asPng();
}
