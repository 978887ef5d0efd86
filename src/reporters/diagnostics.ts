import type { Diagnostic } from "../engine/config/diagnostic.ts";
import type { Palette } from "./palette.ts";
import { clip, counted } from "./text.ts";

/**
 * Diagnostics as text, each with its place, source line, squiggle and remedy, and a count below:
 *
 * ```
 * pipeline.yaml:12:7  error  there is no stage `trian`
 *   12 │ deps: { run: trian.run }
 *      │              ~~~~~
 *      = did you mean `train`?
 * ```
 */
export function formatDiagnostics(diagnostics: readonly Diagnostic[], palette: Palette, columns = 120): string {
  const blocks = diagnostics.map((diagnostic) => formatOne(diagnostic, palette, columns));
  const errors = diagnostics.filter(({ severity }) => severity === "error").length;
  const warnings = diagnostics.length - errors;
  const counts = [errors > 0 ? counted(errors, "error") : "", warnings > 0 ? counted(warnings, "warning") : ""];
  if (diagnostics.length > 1) blocks.push(palette.dim(counts.filter((text) => text !== "").join(", ")));
  return `${blocks.join("\n\n")}\n`;
}

function formatOne(diagnostic: Diagnostic, palette: Palette, columns: number): string {
  const { severity, message, remedy, position, length, sourceLine } = diagnostic;
  const paint = severity === "error" ? palette.red : palette.yellow;
  const option = position.file.startsWith("--");
  const where = option ? position.file : `${position.file}:${position.line}:${position.column}`;
  const head = `${palette.bold(where)}  ${paint(severity)}  ${message}`;
  const number = option ? "" : String(position.line);
  const margin = (text: string): string => palette.dim(`${text.padStart(number.length + 2)} │ `);
  const lines = [head];
  if (sourceLine !== "") {
    const { text, start } = windowOf(sourceLine, position.column - 1, length, columns - number.length - 5);
    const squiggle = "~".repeat(Math.max(1, Math.min(length, text.length - start)));
    lines.push(`${margin(number)}${text}`, `${margin("")}${" ".repeat(start)}${paint(squiggle)}`);
  }
  lines.push(`${palette.dim(`${"".padStart(number.length + 2)} =`)} ${palette.green(remedy)}`);
  return lines.join("\n");
}

/** The part of a long line that shows the marked stretch. Tabs become single spaces, so that the squiggle stays below its text. */
function windowOf(line: string, start: number, length: number, width: number): { text: string; start: number } {
  const flat = line.replaceAll("\t", " ").trimEnd();
  const indent = flat.length - flat.trimStart().length;
  // Two columns of indentation say enough.
  const cut = Math.max(0, Math.min(indent - 2, start));
  let text = flat.slice(cut);
  let at = start - cut;
  if (text.length > width && at + length > width) {
    const from = Math.max(0, Math.min(at - 10, text.length - width));
    text = from > 0 ? `…${text.slice(from + 1)}` : text;
    at -= from;
  }
  return { text: clip(text, width), start: at };
}
