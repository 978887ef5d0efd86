import { VERDICT_TEXT } from "../report/claims.ts";
import { type RevisionDifference, rebuildCommands } from "../report/compare-revision.ts";
import type { Change, ClaimChange, Difference, TableChange } from "../report/difference.ts";
import { groupLeaves, type LeafChange, relativeText } from "../report/metrics.ts";
import { valueText } from "../report/values.ts";
import type { Palette } from "../reporters/palette.ts";
import { clip, counted } from "../reporters/text.ts";

const MAX_GROUPS = 6;
const MAX_VALUE = 48;

/** What `pipeline diff` prints: what changed, each on its line; what stayed the same is a number. */
export function diffText(difference: RevisionDifference, palette: Palette): string {
  const { revision, params, results, notices } = difference;
  const lines = [`${palette.bold(revision.short)} ${revision.subject} ${palette.dim("→")} now`];
  for (const notice of notices) lines.push(palette.yellow(notice));
  lines.push("", `${palette.bold("params")}  ${params.length === 0 ? "the same" : `${params.length} changed`}`);
  for (const change of params) lines.push(`    ${leafLine(change, palette)}`);
  if (results !== undefined) lines.push(...resultLines(results, palette));
  if (results === undefined || results.missing.length > 0) {
    const what =
      results === undefined
        ? "To make its results, in a folder of their own"
        : `${counted(results.missing.length, "result")} of ${revision.short} or now not in this cache. To have them`;
    lines.push(
      "",
      `${what}:`,
      ...rebuildCommands(revision, results !== undefined).map((command) => `    ${palette.green(command)}`),
    );
  }
  return `${lines.join("\n")}\n`;
}

function resultLines({ claims, sameClaims, figures, tables, others, stale }: Difference, palette: Palette): string[] {
  const lines: string[] = [];
  if (stale.length > 0)
    lines.push("", palette.yellow(`not up to date here, compared as made last: ${stale.join(", ")}`));
  lines.push("", `${palette.bold("claims")}  ${claims.length} changed, ${sameClaims} the same`);
  for (const claim of claims) lines.push(`    ${claimLine(claim, palette)}`);
  lines.push("", `${palette.bold("figures")}  ${countsText(figures.map(({ change }) => change))}`);
  for (const { name, change } of figures)
    if (change !== "same") lines.push(`    ${name}  ${changeText(change, palette)}`);
  lines.push("", `${palette.bold("tables")}  ${countsText(tables.map(({ change }) => change))}`);
  for (const table of tables) if (table.change !== "same") lines.push(...tableLines(table, palette));
  if (others.length > 0)
    lines.push("", `${palette.bold("other outs")}  ${countsText(others.map(({ change }) => change))}`);
  return lines;
}

function claimLine({ figure, id, before, after }: ClaimChange, palette: Palette): string {
  const name = `${figure} ${id}`;
  if (before === undefined)
    return `${name}  ${palette.dim("new:")} ${verdict(after!.verdict, palette)}, ours ${value(after!.ours)}`;
  if (after === undefined) return `${name}  ${palette.dim("gone")}`;
  const verdicts =
    before.verdict === after.verdict
      ? verdict(after.verdict, palette)
      : `${verdict(before.verdict, palette)} → ${verdict(after.verdict, palette)}`;
  const ours = before.ours === after.ours ? value(after.ours) : `${value(before.ours)} → ${value(after.ours)}`;
  return `${name}  ${verdicts}, ours ${ours}`;
}

function verdict(name: keyof typeof VERDICT_TEXT, palette: Palette): string {
  const paint = { pass: palette.green, fail: palette.red, "not-testable": palette.dim }[name];
  return paint(VERDICT_TEXT[name]);
}

function tableLines({ path, change, leaves }: TableChange, palette: Palette): string[] {
  if (change !== "changed") return [`    ${path}  ${changeText(change, palette)}`];
  const lines = [`    ${path}  ${counted(leaves.length, "value")} changed`];
  const groups = groupLeaves(leaves);
  for (const { most, count } of groups.slice(0, MAX_GROUPS)) {
    const more = count === 1 ? "" : palette.dim(`  and ${count - 1} more like it`);
    lines.push(`        ${leafLine(most, palette)}${more}`);
  }
  if (groups.length > MAX_GROUPS)
    lines.push(palette.dim(`        … and ${groups.length - MAX_GROUPS} kinds of values more`));
  return lines;
}

function leafLine(change: LeafChange, palette: Palette): string {
  const relative = relativeText(change);
  const end = relative === undefined ? "" : `  ${palette.dim(relative)}`;
  return `${change.path}  ${value(change.before)} → ${value(change.after)}${end}`;
}

function changeText(change: Change, palette: Palette): string {
  return change === "unreadable" ? palette.yellow("different, and not in this cache") : change;
}

/** `2 the same, 1 changed` */
function countsText(changes: readonly Change[]): string {
  const words: Record<Change, string> = {
    same: "the same",
    changed: "changed",
    new: "new",
    gone: "gone",
    unreadable: "not in this cache",
  };
  const parts = (Object.keys(words) as Change[]).flatMap((change) => {
    const count = changes.filter((other) => other === change).length;
    return count === 0 ? [] : [`${count} ${words[change]}`];
  });
  return parts.length === 0 ? "none" : parts.join(", ");
}

function value(content: Parameters<typeof valueText>[0]): string {
  return clip(valueText(content), MAX_VALUE);
}
