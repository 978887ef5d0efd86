import type { Json } from "../stage.ts";

/** A value of a claim or a table: numbers to five significant digits, texts as people set them. */
export function valueText(value: Json | undefined): string {
  if (value === null || value === undefined) return "–";
  if (typeof value === "number") return numberText(value);
  return typeof value === "string" ? typeset(value) : JSON.stringify(value);
}

export function numberText(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  const rounded = Number(value.toPrecision(5));
  return typeset(Number.isInteger(value) ? String(value) : String(rounded));
}

/** A program's numbers in a text as people set them: minus signs that are ones, and 1.5·10⁻⁷ for 1.5e-7. */
export function typeset(text: string): string {
  return text
    .replace(
      /(?<![\w.])(\d+(?:\.\d+)?)e([-+]?\d+)\b/g,
      (_, factor: string, power: string) => `${factor === "1" ? "" : `${factor}·`}10${raised(power)}`,
    )
    .replace(/(?<=^|[\s([|])-(?=\d)/g, "−");
}

const RAISED = "⁰¹²³⁴⁵⁶⁷⁸⁹";

function raised(power: string): string {
  return power
    .replace("+", "")
    .replace("-", "⁻")
    .replace(/\d/g, (digit) => RAISED[Number(digit)]!);
}

const PAPERS_FIGURE = /^fig0*(\d+)([a-z]?)$/;

export const isPapersFigure = (name: string): boolean => PAPERS_FIGURE.test(name);

/** `Figure 5a` of `fig05a`, `Image convergence` of `image-convergence`. */
export function figureLabel(name: string): string {
  const [, number, part = ""] = PAPERS_FIGURE.exec(name) ?? [];
  if (number !== undefined) return `Figure ${number}${part}`;
  return `${name.charAt(0).toUpperCase()}${name.slice(1).replaceAll("-", " ")}`;
}

/** `fig02` before `fig10`, `fig05` before `fig05a`, and the paper's figures before others. */
export function byFigure(a: string, b: string): number {
  const others = (name: string): number => (isPapersFigure(name) ? 0 : 1);
  return others(a) - others(b) || a.localeCompare(b, "en", { numeric: true });
}

/** `2026-11-24 12:24 UTC`: the same for every reader. */
export function timeText(iso: string): string {
  return `${iso.slice(0, 10)} ${iso.slice(11, 16)} UTC`;
}
