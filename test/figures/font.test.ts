import { Resvg } from "@resvg/resvg-js";
import { describe, expect, it } from "vitest";
import { readFont } from "../../src/figures/font.ts";
import { FAMILY, type Face, FONT_FAMILY, faceOf, font, fontFiles } from "../../src/figures/typeface.ts";

/** What resvg draws, kerning and all, by the distance of two bars around the text. */
function drawnWidth(text: string, size: number, style: string): number {
  const box = (content: string): number => {
    const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="2000" height="100"><text xml:space="preserve" x="50" y="50" font-family="${FONT_FAMILY}" font-size="${size}px" ${style}>${content}</text></svg>`;
    const font = { loadSystemFonts: false, fontFiles: fontFiles(), defaultFontFamily: FAMILY };
    return new Resvg(svg, { font }).getBBox()!.width;
  };
  return box(`|${text}|`) - box("||");
}

const FACES: readonly (readonly [Face, string])[] = [
  ["regular", ""],
  ["semibold", 'font-weight="600"'],
  ["italic", 'font-style="italic"'],
];

describe("the figures' typeface", () => {
  it.each(FACES)("measures %s text as it is drawn", (face, style) => {
    for (const text of ["learning rate η", "0.0095", "θ₁ = −0.1", "Loss landscape"]) {
      const width = 20 * font(face).width(text);
      // Kerning moves pairs by at most a few hundredths of an em; ours leaves it out.
      expect(Math.abs(width - drawnWidth(text, 20, style))).toBeLessThan(0.02 * 20 * text.length);
    }
  });

  it("has the letters of the paper's formulas, in every face that titles use", () => {
    for (const face of ["regular", "semibold"] as const) {
      for (const character of "ηθλγΘβαξ₁₂₃′″−×·≤≥≈→√|‖½²⁻⁴") {
        expect(font(face).has(character.codePointAt(0)!), `${character} in ${face}`).toBe(true);
      }
    }
  });

  it("knows which it lacks", () => {
    for (const character of "∇ₖ∈漢") expect(font("regular").has(character.codePointAt(0)!)).toBe(false);
  });

  it("selects faces as SVG does", () => {
    expect(faceOf("bold", undefined)).toBe("semibold");
    expect(faceOf(600, undefined)).toBe("semibold");
    expect(faceOf("normal", undefined)).toBe("regular");
    expect(faceOf(undefined, "italic")).toBe("italic");
  });

  it("refuses what is no TrueType file", () => {
    expect(() => readFont(new Uint8Array(64))).toThrow('it has no table "head"');
  });
});
