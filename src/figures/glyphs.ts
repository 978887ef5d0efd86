import { textRuns } from "./subscripts.ts";
import { faceOf, font } from "./typeface.ts";

export interface MissingGlyph {
  readonly character: string;
  /** As `U+2207`. */
  readonly codePoint: string;
  readonly text: string;
}

/** The characters of an SVG's texts that the typeface would draw as empty boxes. */
export function missingGlyphs(svg: string): MissingGlyph[] {
  const missing = new Map<string, MissingGlyph>();
  for (const [, attributes = "", content = ""] of svg.matchAll(/<text([^>]*)>(.*?)<\/text>/gs)) {
    const face = font(faceOf(/font-weight="(\w+)"/.exec(attributes)?.[1], /font-style="(\w+)"/.exec(attributes)?.[1]));
    const text = plainText(content.replace(/<[^>]*>/g, ""));
    for (const run of textRuns(text)) {
      for (const character of run.text) {
        const value = character.codePointAt(0)!;
        if (face.has(value)) continue;
        missing.set(character, {
          character,
          codePoint: `U+${value.toString(16).toUpperCase().padStart(4, "0")}`,
          text,
        });
      }
    }
  }
  return [...missing.values()];
}

function plainText(text: string): string {
  return text
    .replace(/&lt;/g, "<")
    .replace(/&gt;/g, ">")
    .replace(/&quot;/g, '"')
    .replace(/&amp;/g, "&");
}
