/**
 * Subscript letters. A figure's spec writes them as Unicode has them ("γᵦ", "ηₑₒₛ"), which browsers show, but Source Sans
 * lacks: in the SVG they become the letter itself, smaller and lower.
 */
const LETTERS: Readonly<Record<string, string>> = {
  ᵦ: "β",
  ᵧ: "γ",
  ₐ: "a",
  ₑ: "e",
  ᵢ: "i",
  ⱼ: "j",
  ₖ: "k",
  ₘ: "m",
  ₙ: "n",
  ₒ: "o",
  ₛ: "s",
  ₜ: "t",
  ᵤ: "u",
  ₓ: "x",
};

export const SUBSCRIPT_SIZE = 0.7;
/** How far below the baseline, in em of the surrounding text. */
const SUBSCRIPT_DROP = 0.2;

const RUN = new RegExp(`[${Object.keys(LETTERS).join("")}]+`, "u");

export interface TextRun {
  readonly text: string;
  readonly subscript: boolean;
}

/** Splits a text where subscripts begin and end. */
export function textRuns(text: string): TextRun[] {
  const runs: TextRun[] = [];
  let rest = text;
  for (let match = RUN.exec(rest); match !== null; match = RUN.exec(rest)) {
    if (match.index > 0) runs.push({ text: rest.slice(0, match.index), subscript: false });
    runs.push({ text: Array.from(match[0], (letter) => LETTERS[letter]!).join(""), subscript: true });
    rest = rest.slice(match.index + match[0].length);
  }
  if (rest !== "" || runs.length === 0) runs.push({ text: rest, subscript: false });
  return runs;
}

/** The content of an SVG text element (already escaped) with its subscripts as lowered spans. */
export function withSubscripts(content: string, fontSize: number): string {
  const drop = round(SUBSCRIPT_DROP * fontSize);
  let lowered = false;
  return textRuns(content)
    .map(({ text, subscript }) => {
      const shift = subscript === lowered ? "" : ` dy="${subscript ? drop : -drop}"`;
      lowered = subscript;
      if (subscript) return `<tspan${shift} font-size="${round(SUBSCRIPT_SIZE * fontSize)}px">${text}</tspan>`;
      return shift === "" ? text : `<tspan${shift}>${text}</tspan>`;
    })
    .join("");
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
