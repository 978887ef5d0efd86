import type { Assessment } from "../engine/assess.ts";
import { reasonLine } from "../reporters/lines.ts";
import type { Palette } from "../reporters/palette.ts";
import { groupAssessments, groupName, waitedFor } from "./assessments.ts";

const MAX_REASONS = 20;

/** What each group of instances is, and why: name and state, then one line for each reason. */
export function explainGroups(assessments: readonly Assessment[], palette: Palette): string {
  return groupAssessments(assessments)
    .map((group) => explainGroup(group, palette))
    .join("");
}

function explainGroup(group: readonly Assessment[], palette: Palette): string {
  const { state, reasons } = group[0]!;
  const lines = [`${palette.bold(groupName(group))}  ${stateText(state, group, palette)}`];
  for (const reason of reasons.slice(0, MAX_REASONS)) lines.push(`    ${reasonLine(reason, palette)}`);
  if (reasons.length > MAX_REASONS) lines.push(palette.dim(`    … and ${reasons.length - MAX_REASONS} more`));
  return `${lines.join("\n")}\n`;
}

export function stateText(state: Assessment["state"], group: readonly Assessment[], palette: Palette): string {
  switch (state) {
    case "fresh":
      return palette.green("fresh");
    case "restorable":
      return palette.blue("can be restored");
    case "stale":
      return palette.yellow("stale");
    case "depends":
      return palette.dim(`waits for ${waitedFor(group)}`);
    default:
      return state satisfies never;
  }
}
