import { stripVTControlCharacters } from "node:util";
import { clip } from "./text.ts";

/*
 * Texts of others in Markdown that GitHub and GitLab show. Names, values and logs come from whoever wrote the branch, so none of
 * them is taken for markup, mentions nobody and links to nothing: as code, where neither happens, or as text, escaped.
 */

/** As code in a line; a table escapes its own bars. */
export function code(text: string, most = MOST_CODE): string {
  // In a table, a backslash before a bar would undo the bar's escape: a word joiner, which nobody sees, parts them.
  const shown = clip(plainLine(text), most).replaceAll("\\|", "\\\u2060|");
  const ticks = "`".repeat(longestRun(shown) + 1);
  // Between ticks of its own it needs a space, which is not shown.
  const space = shown.includes("`") ? " " : "";
  return shown === "" ? "" : `${ticks}${space}${shown}${space}${ticks}`;
}

/** As prose in a line. */
export function prose(text: string, most = MOST_PROSE): string {
  return (
    clip(plainLine(text), most)
      // A word joiner, which nobody sees, parts what would be a mention, a reference or a link.
      .replaceAll(/([@#!~$%&:])(?=[\w/"])/g, "$1\u2060")
      .replaceAll(/(www)\./gi, "$1\u2060.")
      .replaceAll(/[\\`*_{}[\]()<>#+!~$^&-]/g, "\\$&")
  );
}

/** A block of lines as they are. */
export function codeBlock(lines: readonly string[], width = MOST_WIDTH): string {
  const shown = lines.map((line) => clip(printable(line).trimEnd(), width));
  const ticks = "`".repeat(Math.max(3, longestRun(shown.join("\n")) + 1));
  return [`${ticks}text`, ...shown, ticks].join("\n");
}

/** Rows beyond `most` are counted in a last one. */
export function table(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  most = Number.POSITIVE_INFINITY,
): string[] {
  const row = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  const shown = rows.slice(0, most).map(row);
  const rest = rows.length > most ? [row([`… and ${rows.length - most} more`, ...head.slice(1).map(() => "")])] : [];
  return [row(head), row(head.map(() => "---")), ...shown, ...rest];
}

/** Under a line that opens it. The empty lines let what is inside be Markdown. */
export function folded(title: string, lines: readonly string[]): string[] {
  return ["<details>", `<summary>${title}</summary>`, "", ...lines, "", "</details>"];
}

const MOST_CODE = 160;
const MOST_PROSE = 300;
const MOST_WIDTH = 200;

/** Controls, and characters that turn the direction of text around or are not seen, could show something else than there is. */
function printable(text: string): string {
  return (
    stripVTControlCharacters(text)
      .replaceAll("\t", "    ")
      // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is taken out
      .replaceAll(/[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g, "")
  );
}

function plainLine(text: string): string {
  return printable(text.replaceAll(/\s+/g, " ")).trim();
}

/** The most backticks in a row. */
function longestRun(text: string): number {
  return Math.max(0, ...[...text.matchAll(/`+/g)].map(([run]) => run.length));
}
