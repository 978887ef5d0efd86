/** The one typeface of all figures, Source Sans 3, from its npm package: the machine's own fonts are never asked. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { type Font, readFont } from "./font.ts";

export const FAMILY = "Source Sans 3";

/**
 * As CSS takes it, in an SVG's attributes and a canvas's font: without quotation marks a name that ends in a number is invalid,
 * and browsers then set and measure text in a font of their own. The second is for viewers without the first.
 */
export const FONT_FAMILY = `'${FAMILY}', sans-serif`;

const resolve = createRequire(import.meta.url).resolve;

/** Literal paths, so that the engine sees which package a figure's key depends on. */
const FILES = {
  regular: () => resolve("@expo-google-fonts/source-sans-3/400Regular/SourceSans3_400Regular.ttf"),
  italic: () => resolve("@expo-google-fonts/source-sans-3/400Regular_Italic/SourceSans3_400Regular_Italic.ttf"),
  semibold: () => resolve("@expo-google-fonts/source-sans-3/600SemiBold/SourceSans3_600SemiBold.ttf"),
} as const;

export type Face = keyof typeof FILES;

/** For resvg, which reads them itself. */
export function fontFiles(): string[] {
  return Object.values(FILES).map((path) => path());
}

const fonts = new Map<Face, Font>();

export function font(face: Face): Font {
  const known = fonts.get(face);
  if (known !== undefined) return known;
  const read = readFont(readFileSync(FILES[face]()));
  fonts.set(face, read);
  return read;
}

/** The face that the given SVG or Vega font properties select. */
export function faceOf(weight: string | number | undefined, style: string | undefined): Face {
  if (style === "italic") return "italic";
  return weight === "bold" || Number(weight) >= 600 ? "semibold" : "regular";
}
