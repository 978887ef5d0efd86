import type { Assessment } from "../engine/survey/assess.ts";
import { reasonLine } from "../reporters/lines.ts";
import type { Palette } from "../reporters/palette.ts";
import { formatExpected, formatSeconds } from "../reporters/text.ts";
import { groupAssessments, groupName, waitedFor } from "./assessments.ts";
import { isPending } from "./outlook.ts";

const MAX_REASONS = 20;

/** What each group of instances is, and why: name and state, then one line for each reason. */
export function explainGroups(assessments: readonly Assessment[], palette: Palette): string {
  return groupAssessments(assessments)
    .map((group) => explainGroup(group, palette))
    .join("");
}

function explainGroup(group: readonly Assessment[], palette: Palette): string {
  const { reasons } = group[0]!;
  const lines = [`${palette.bold(groupName(group))}  ${stateText(group, palette)}${tookText(group, palette)}`];
  for (const reason of reasons.slice(0, MAX_REASONS)) lines.push(`    ${reasonLine(reason, palette)}`);
  if (reasons.length > MAX_REASONS) lines.push(palette.dim(`    … and ${reasons.length - MAX_REASONS} more`));
  return `${lines.join("\n")}\n`;
}

/** The answers of `run --dry-run`, `status` and `why`, for a group that shares one: fresh, can be restored, will run, depends on what others give. */
export function stateText(group: readonly Assessment[], palette: Palette): string {
  const { state, remote } = group[0]!;
  switch (state) {
    case "fresh":
      return palette.green(remote ? "fresh in the remote cache" : "fresh");
    case "restorable":
      return palette.blue(remote ? "will be restored from the remote cache" : "can be restored");
    case "stale":
      return palette.yellow("will run");
    case "depends":
      return palette.dim(`depends on ${waitedFor(group)}`);
    default:
      return state satisfies never;
  }
}

/**
 * `  took 12.3 s`: how long the instances that will or may run took when they last did; `  about 4 min` where what they have to
 * do now tells more than that; nothing where nothing is known.
 */
export function tookText(group: readonly Assessment[], palette: Palette): string {
  const sum = (times: readonly number[]): number => times.reduce((total, seconds) => total + seconds, 0);
  const pending = group.filter(isPending);
  const expected = pending.flatMap(({ expectedSeconds }) => expectedSeconds ?? []);
  if (expected.length === 0) return "";
  const taken = pending.every(({ lastSeconds, expectedSeconds }) => lastSeconds === expectedSeconds);
  return palette.dim(`  ${taken ? `took ${formatSeconds(sum(expected))}` : formatExpected(sum(expected))}`);
}
