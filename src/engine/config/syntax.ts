import { parseDocument, type YAMLError } from "yaml";
import type { Report, Source } from "./diagnostic.ts";
import { type Unclosed, unclosedIn } from "./unclosed.ts";

/** How every YAML text of a workspace is read. */
export const YAML_OPTIONS = { prettyErrors: false, merge: true, stringKeys: true } as const;

export const TOO_DEEP = "this is nested too deeply to be read";
export const ALIAS_REMEDY = "define the anchor (&name) before the alias (*name)";

const REMEDIES: Readonly<Record<string, string>> = {
  DUPLICATE_KEY: "remove one of the two, or rename it",
  TAB_AS_INDENT: "indent with spaces; YAML has no tabs",
  BAD_INDENT: "align this line with its siblings",
  MULTILINE_IMPLICIT_KEY: "close the bracket or quote that is open above",
  BAD_ALIAS: ALIAS_REMEDY,
  TAG_RESOLVE_FAILED: "remove the tag, or quote a text that begins with !",
  MULTIPLE_DOCS: "keep one document: remove the line --- and what does not belong",
  BLOCK_AS_IMPLICIT_KEY: "put the nested mapping on its own, deeper line, or in { }",
};

/** Reports the syntax errors of a text that cannot be read, each where it was made. */
export function reportSyntax(source: Source, report: Report): void {
  const text = reportBareExpressions(source, report) ?? source.text;
  const document = parseDocument(text, { ...YAML_OPTIONS, keepSourceTokens: true });
  const unclosed = unclosedIn(document);
  for (const one of unclosed) reportUnclosed(one, source, report);
  reportErrors(
    document.errors.filter((error) => !unclosed.some((one) => comesOf(error, one))),
    source,
    report,
  );
  reportWarnings(document.warnings, source, report);
}

/** What the parser complains of while it can still tell all of the text: a key given twice. */
export function reportErrors(errors: readonly YAMLError[], source: Source, report: Report): void {
  let derailed = false;
  for (const { code, message, pos } of errors) {
    // After one unexpected token the parser trips over each that follows: only the first one tells something.
    if (code === "UNEXPECTED_TOKEN") {
      if (derailed) continue;
      derailed = true;
    }
    const place = { source, start: pos[0], end: Math.max(pos[1], pos[0] + 1) };
    const [told, remedy] = wordsOf(code, message, pos[0], source.text);
    report.error("yaml-syntax", place, told, remedy);
  }
}

/** What the parser only warns of, a tag that it does not know or a directive, would be read as if it were not there. */
export function reportWarnings(warnings: readonly YAMLError[], source: Source, report: Report): void {
  for (const { code, message, pos } of warnings) {
    const place = { source, start: pos[0], end: Math.max(pos[1], pos[0] + 1) };
    report.error("yaml-syntax", place, decapitalise(message), REMEDIES[code] ?? "remove it");
  }
}

function wordsOf(code: string, message: string, at: number, text: string): readonly [told: string, remedy: string] {
  const here = text[at];
  if (code === "MULTIPLE_DOCS") return ["a second document begins here", REMEDIES[code]!];
  if (code === "UNEXPECTED_TOKEN" && (here === "}" || here === "]"))
    return [`this ${here} closes nothing`, `remove it, or open it with ${here === "}" ? "{" : "["} before`];
  if (/call stack/.test(message)) return [TOO_DEEP, "write it flatter"];
  const before = text[at - 1];
  if (code === "UNEXPECTED_TOKEN" && (before === "'" || before === '"')) {
    const within = before === "'" ? "''" : '\\"';
    return [`the quote ${before} ends the text, and more follows`, `write ${within} for a quote inside the text`];
  }
  return [decapitalise(message), REMEDIES[code] ?? "correct the YAML here; the rest is checked once it parses"];
}

function reportUnclosed({ start, opening, closing, end, instead }: Unclosed, source: Source, report: Report): void {
  const place = { source, start, end: start + 1 };
  const isQuote = opening === closing;
  if (instead !== undefined) {
    report.error("yaml-syntax", place, `this ${opening} is closed by a ${instead}`, `close it with ${closing}`);
    return;
  }
  const inside = opening === "'" ? "; inside the text it is written ''" : '; inside the text it is written \\"';
  const line = source.text.slice(0, end).split("\n").length;
  const isLast = source.text.slice(end).trim() === "";
  const until = isLast || isQuote ? "" : ` before line ${line}`;
  const deeper = isLast ? "" : `, or indent line ${line} deeper if it belongs inside`;
  report.error(
    "yaml-syntax",
    place,
    `this ${opening} is not closed${until}`,
    `close it with ${closing}${isQuote ? inside : deeper}`,
  );
}

/** Whether an error says only what became of a bracket or quote that is told as not closed. */
function comesOf({ code, message, pos }: YAMLError, { start, end }: Unclosed): boolean {
  if (/^(Flow (map|sequence)|Missing closing)/.test(message)) return true;
  if (code === "UNEXPECTED_TOKEN") return pos[0] > start;
  return pos[0] >= start && pos[0] <= end;
}

/**
 * The usual slip: `{ eta: ${eta} }`, where the braces belong to YAML. Each one is reported; the result is the text with
 * them quoted, every other character where it was, so that the remaining syntax errors can be told as well.
 */
function reportBareExpressions(source: Source, report: Report): string | undefined {
  let repaired: string | undefined;
  for (const match of source.text.matchAll(/(?<=[{[,]\s*|[{,][^"'\n]*:\s*)\$\{[^}"'\n]*\}/g)) {
    const start = match.index;
    const end = start + match[0].length;
    const place = { source, start, end };
    report.error("yaml-syntax", place, "inside { } and [ ] an expression needs quotes", `write "${match[0]}"`);
    const text: string = repaired ?? source.text;
    repaired = `${text.slice(0, start)}"${text.slice(start + 1, end - 1)}"${text.slice(end)}`;
  }
  return repaired;
}

export function decapitalise(message: string): string {
  return message.charAt(0).toLowerCase() + message.slice(1);
}
