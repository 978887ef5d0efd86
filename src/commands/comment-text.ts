import { VERDICT_TEXT, type Verdict } from "../report/claims.ts";
import type { ClaimChange, TableChange } from "../report/difference.ts";
import type { FigureReview, Picture } from "../report/figure-review.ts";
import { groupLeaves, type LeafChange, relativeText } from "../report/metrics.ts";
import type { Review, ReviewResults } from "../report/review.ts";
import { valueText } from "../report/values.ts";
import type { Failed } from "../reporters/gathered.ts";
import { reasonLine } from "../reporters/lines.ts";
import { code, codeBlock, folded, prose, table } from "../reporters/markdown.ts";
import { createPalette } from "../reporters/palette.ts";
import { clip, counted } from "../reporters/text.ts";

/** The comment's first line: by it a script finds the comment that it wrote before, and writes that anew. */
export const MARKER = "<!-- pipeline comment -->";

/** What a run did, as its events tell it. */
export interface RunFacts {
  /** `1 failed · 3 ran · 4.1 s`; none where the run did not get to its end. */
  readonly totals: string | undefined;
  readonly failed: readonly Failed[];
  readonly warnings: readonly string[];
  /** Figures that changed against what was here before, for a comment without a revision: path and causes. */
  readonly figures: readonly { readonly path: string; readonly why: readonly string[] }[];
}

export interface CommentData {
  readonly run: RunFacts | undefined;
  readonly review: Review | undefined;
  readonly params: readonly LeafChange[];
  /** The link to a picture, where pictures are shown. */
  readonly link: ((picture: Extract<Picture, { readonly digest: string }>) => string) | undefined;
}

/** How much of each list is shown. */
interface Caps {
  readonly figures: number;
  readonly rows: number;
  readonly log: number;
}

const plain = createPalette(false);
const MOST_CAUSES = 5;
const MOST_VALUE = 60;
/** Of what two long values have in common, this much is shown before they part. */
const ALIKE_SHOWN = 20;

type Value = Parameters<typeof valueText>[0];

/** Markdown of at most `limit` characters: lists get shorter until it fits, and say how much is left out. */
export function commentText(data: CommentData, limit: number): string {
  for (let caps: Caps = { figures: 100, rows: 50, log: 20 }; ; caps = halved(caps)) {
    const text = written(data, caps);
    if (text.length <= limit) return text;
    if (caps.figures === 0 && caps.rows === 0 && caps.log === 0) return cut(text, limit);
  }
}

function halved({ figures, rows, log }: Caps): Caps {
  return { figures: figures >> 1, rows: rows >> 1, log: log >> 1 };
}

/** Whole lines, and a word that something is missing. */
function cut(text: string, limit: number): string {
  const end = "\n\n… and more than fits here.\n";
  const start = text.slice(0, limit - end.length);
  return `${start.slice(0, Math.max(0, start.lastIndexOf("\n")))}${end}`;
}

function written(data: CommentData, caps: Caps): string {
  const { run, review, params } = data;
  const lines = [MARKER, `### ${headline(data)}`];
  if (run !== undefined)
    lines.push("", run.totals === undefined ? "The run did not get to its end." : prose(run.totals));
  if (review !== undefined) {
    const { short, subject } = review.revision;
    lines.push("", `Compared with what ${code(short)} (${prose(subject, 100)}) recorded.`);
    for (const notice of review.notices.slice(0, caps.rows)) lines.push("", prose(notice));
  }
  if (run !== undefined && run.failed.length > 0) lines.push(...failures(run.failed, caps));
  if (review?.results !== undefined) lines.push(...resultLines(review.results, data.link, caps));
  else if (run !== undefined && run.figures.length > 0) {
    const rows = run.figures.map(({ path, why }) => [code(path), causeText(why)]);
    lines.push("", "#### Figures that changed", "", ...table(["figure", "why"], rows, caps.rows));
  }
  if (params.length > 0) {
    const rows = params.map((change) => [
      code(change.path),
      value(change.before),
      value(change.after),
      relative(change),
    ]);
    const title = `${counted(params.length, "param")} changed`;
    lines.push("", ...folded(title, table(["param", "before", "now", ""], rows, caps.rows)));
  }
  if (run !== undefined && run.warnings.length > 0) {
    const shown = run.warnings.slice(0, caps.rows).map((message) => `- ${prose(message)}`);
    const rest = run.warnings.length - shown.length;
    const title = counted(run.warnings.length, "warning");
    lines.push("", ...folded(title, [...shown, ...(rest > 0 ? [`- … and ${rest} more`] : [])]));
  }
  return `${lines.join("\n")}\n`;
}

/** What a reviewer has to know, the worst first: `1 instance failed · 1 claim no longer holds · 2 figures changed`. */
function headline({ run, review }: CommentData): string {
  const parts: string[] = [];
  const failed = run?.failed.length ?? 0;
  if (failed > 0) parts.push(`${counted(failed, "instance")} failed`);
  else if (run !== undefined && run.totals === undefined) parts.push("the run was cut off");
  const { results } = review ?? {};
  if (results !== undefined) {
    const { claims, figures, tables, notMade, others } = results;
    const turned = (from: Verdict, to: Verdict): number =>
      claims.filter(({ before, after }) => before?.verdict === from && after?.verdict === to).length;
    const [worse, better, mute] = [turned("pass", "fail"), turned("fail", "pass"), turned("pass", "not-testable")];
    const gone = claims.filter(({ after }) => after === undefined).length;
    if (worse > 0) parts.push(`${counted(worse, "claim")} no longer ${worse === 1 ? "holds" : "hold"}`);
    if (mute > 0) parts.push(`${counted(mute, "claim")} not testable any more`);
    if (gone > 0) parts.push(`${counted(gone, "claim")} gone`);
    if (better > 0) parts.push(`${counted(better, "claim")} now ${better === 1 ? "holds" : "hold"}`);
    const count = (change: FigureReview["change"]): number => figures.filter((one) => one.change === change).length;
    if (count("changed") > 0) parts.push(`${counted(count("changed"), "figure")} changed`);
    if (count("new") > 0) parts.push(`${counted(count("new"), "figure")} new`);
    if (count("gone") > 0) parts.push(`${counted(count("gone"), "figure")} gone`);
    const lost = count("not-made") + notMade.length;
    if (lost > 0) parts.push(`${counted(lost, "result")} not made`);
    if (parts.length === 0) {
      const quiet = claims.length + tables.length + others > 0;
      parts.push(quiet ? "no figure changed" : "no result changed");
    }
  } else if (parts.length === 0) {
    const figures = run?.figures.length ?? 0;
    parts.push(figures > 0 ? `${counted(figures, "figure")} changed` : "no figure changed");
  }
  return `pipeline: ${parts.join(" · ")}`;
}

function failures(failed: readonly Failed[], caps: Caps): string[] {
  const lines = ["", "#### Failed"];
  const most = Math.min(caps.rows, 20);
  for (const { instance, failure } of failed.slice(0, most)) {
    const [first = ""] = failure.message.split("\n");
    const remedy = failure.remedy === undefined ? "" : ` — ${prose(failure.remedy)}`;
    lines.push("", `${code(instance)} ${prose(first)}${remedy}`);
    const log = failure.output.slice(-caps.log);
    if (caps.log > 0 && log.length > 0) {
      lines.push("", ...folded(`the last ${counted(log.length, "line")} of its log`, [codeBlock(log)]));
    }
  }
  if (failed.length > most) lines.push("", `… and ${failed.length - most} more`);
  return lines;
}

function resultLines(results: ReviewResults, link: CommentData["link"], caps: Caps): string[] {
  const { claims, sameClaims, figures, sameFigures, tables, others, notMade, elsewhere } = results;
  const lines: string[] = [];
  if (claims.length > 0) {
    const rows = [...claims].sort(byWeight).map(claimRow);
    lines.push("", "#### Claims", "", ...table(["claim", "before", "now", "paper"], rows, caps.rows));
    if (sameClaims > 0) lines.push("", `${sameClaims} other${sameClaims === 1 ? "" : "s"} came out the same.`);
  }
  if (figures.length > 0) {
    lines.push("", "#### Figures");
    for (const figure of figures.slice(0, caps.figures)) lines.push("", ...figureLines(figure, link));
    const rest = figures.slice(caps.figures).map(({ name }) => code(name));
    if (rest.length > 0) {
      const names = rest.slice(0, caps.rows).join(", ");
      lines.push("", `${counted(rest.length, "figure")} more changed${names === "" ? "" : `: ${names}`}.`);
    }
    if (sameFigures > 0)
      lines.push("", `${counted(sameFigures, "figure")} ${sameFigures === 1 ? "is" : "are"} the same.`);
  }
  if (tables.length > 0) {
    const rows = tables.flatMap(tableRows);
    const title = `numbers in ${counted(tables.length, "table")} changed`;
    lines.push("", ...folded(title, table(["table", "value", "before", "now", ""], rows, caps.rows)));
  }
  if (others > 0) lines.push("", `${counted(others, "other out")} changed.`);
  lines.push(...listed("not made in this run", notMade, caps));
  lines.push(
    ...listed(
      "with other bytes than recorded though nothing that decides them changed: another machine",
      elsewhere,
      caps,
    ),
  );
  return lines;
}

function listed(what: string, paths: readonly string[], caps: Caps): string[] {
  if (paths.length === 0) return [];
  const shown = paths.slice(0, caps.rows).map((path) => code(path));
  const rest = paths.length - shown.length;
  const title = `${counted(paths.length, "result")} ${what}`;
  return ["", ...folded(title, [[...shown, ...(rest > 0 ? [`and ${rest} more`] : [])].join(", ")])];
}

const CHANGES: Readonly<Record<FigureReview["change"], string>> = {
  changed: "",
  new: "new",
  gone: "gone",
  "not-made": "not made in this run",
};

function figureLines({ name, change, causes, before, after, look }: FigureReview, link: CommentData["link"]): string[] {
  const why = change === "not-made" ? "" : causeText(causes.map((cause) => reasonLine(cause, plain)));
  const words = [CHANGES[change], lookText(look)].filter((word) => word !== "");
  const lines = [
    `**${code(name)}**${words.length === 0 ? "" : ` ${words.join(", ")}`}${why === "" ? "" : `<br>${why}`}`,
  ];
  if (link === undefined || look === "same") return lines;
  const cell = (picture: Picture | undefined, none: string, alt: string): string => {
    if (picture === undefined) return `*${none}*`;
    if ("missing" in picture) return `*${prose(picture.missing)}*`;
    return `![${alt}](<${link(picture)}>)`;
  };
  const cells = [
    cell(before, "was not there", "before"),
    cell(after, change === "not-made" ? "not made in this run" : "is not made any more", "now"),
  ];
  return [...lines, "", ...table(["before", "now"], [cells])];
}

function lookText(look: FigureReview["look"]): string {
  if (look === undefined) return "";
  if (look === "same") return "the picture is the same";
  if (look === "resized") return "of another size";
  const percent = 100 * look.fraction;
  const text = percent < 0.01 ? "less than 0.01" : percent < 9.95 ? percent.toPrecision(2) : percent.toFixed(0);
  return `${text} % of the pixels differ`;
}

function causeText(causes: readonly string[]): string {
  const shown = causes.slice(0, MOST_CAUSES).map((cause) => code(cause));
  return [...shown, ...(causes.length > MOST_CAUSES ? [`and ${causes.length - MOST_CAUSES} more`] : [])].join("<br>");
}

/** Verdicts that changed before numbers that did. */
function byWeight(a: ClaimChange, b: ClaimChange): number {
  const weight = ({ before, after }: ClaimChange): number => {
    if (before?.verdict === after?.verdict) return 3;
    if (before?.verdict !== "pass") return 2;
    return after?.verdict === "fail" ? 0 : 1;
  };
  return weight(a) - weight(b);
}

function claimRow({ figure, id, before, after }: ClaimChange): string[] {
  const { statement = "", paper } = after ?? before ?? {};
  const [was, is] = texts(before?.ours, after?.ours);
  const side = (claim: ClaimChange["before"], ours: string, none: string): string => {
    if (claim === undefined) return none;
    const verdict = VERDICT_TEXT[claim.verdict];
    return `${claim.verdict === "fail" ? `**${verdict}**` : verdict}<br>${code(ours)}`;
  };
  const name = `${code(`${figure} ${id}`)}<br>${prose(statement, 200)}`;
  return [name, side(before, was, "new"), side(after, is, "gone"), value(paper)];
}

const MOST_GROUPS = 4;

function tableRows({ path, change, leaves }: TableChange): string[][] {
  if (change !== "changed") {
    const words = change === "unreadable" ? "different, and one of the two is in no cache" : change;
    return [[code(path), words, "", "", ""]];
  }
  const groups = groupLeaves(leaves);
  const rows = groups.slice(0, MOST_GROUPS).map(({ most, count }, index) => {
    const more = count === 1 ? "" : ` and ${count - 1} more like it`;
    return [
      index === 0 ? code(path) : "",
      `${code(most.path)}${more}`,
      value(most.before),
      value(most.after),
      relative(most),
    ];
  });
  if (groups.length > MOST_GROUPS)
    rows.push(["", `… and ${groups.length - MOST_GROUPS} kinds of values more`, "", "", ""]);
  return rows;
}

/** Two values, cut to where they differ: long texts often begin alike. */
function texts(before: Value, after: Value): readonly [before: string, after: string] {
  const [was, is] = [valueText(before), valueText(after)];
  let alike = 0;
  while (alike < was.length && was[alike] === is[alike]) alike++;
  const from = was === is || before === undefined || after === undefined ? 0 : alike - ALIKE_SHOWN;
  const cut = (text: string): string => {
    const start = text.length > MOST_VALUE && from > 0 ? `…${text.slice(from)}` : text;
    return clip(start, MOST_VALUE);
  };
  return [cut(was), cut(is)];
}

function relative(change: LeafChange): string {
  return relativeText(change) ?? "";
}

function value(content: Value): string {
  return code(clip(valueText(content), MOST_VALUE));
}
