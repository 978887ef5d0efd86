import type { Assessment } from "../engine/assess.ts";
import { reasonLine } from "../reporters/lines.ts";
import type { Palette } from "../reporters/palette.ts";
import { formatSeconds } from "../reporters/text.ts";
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
  const { state, reasons } = group[0]!;
  const lines = [`${palette.bold(groupName(group))}  ${stateText(state, group, palette)}${tookText(group, palette)}`];
  for (const reason of reasons.slice(0, MAX_REASONS)) lines.push(`    ${reasonLine(reason, palette)}`);
  if (reasons.length > MAX_REASONS) lines.push(palette.dim(`    … and ${reasons.length - MAX_REASONS} more`));
  return `${lines.join("\n")}\n`;
}

/** The answers of `run --dry-run`, `status` and `why`: fresh, can be restored, will run, depends on what others give. */
export function stateText(state: Assessment["state"], group: readonly Assessment[], palette: Palette): string {
  switch (state) {
    case "fresh":
      return palette.green("fresh");
    case "restorable":
      return palette.blue("can be restored");
    case "stale":
      return palette.yellow("will run");
    case "depends":
      return palette.dim(`depends on ${waitedFor(group)}`);
    default:
      return state satisfies never;
  }
}

/** `  took 12.3 s`: how long the instances that will or may run took when they last did; nothing where none ever did. */
export function tookText(group: readonly Assessment[], palette: Palette): string {
  const times = group.filter(isPending).flatMap(({ lastSeconds }) => lastSeconds ?? []);
  if (times.length === 0) return "";
  return palette.dim(`  took ${formatSeconds(times.reduce((sum, seconds) => sum + seconds, 0))}`);
}
