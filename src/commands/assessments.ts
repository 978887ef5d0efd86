import type { InstanceName, Plan } from "../engine/plan/plan.ts";
import type { Assessment } from "../engine/survey/assess.ts";
import { enumerate } from "../engine/system/suggest.ts";
import { reasonLine } from "../reporters/lines.ts";
import { createPalette } from "../reporters/palette.ts";
import { stageOf } from "../reporters/reporter.ts";
import { counted } from "../reporters/text.ts";
import type { Arguments, Context } from "./command.ts";
import { reportPlanFailure } from "./plan-failure.ts";
import { remoteOf, warningsOf } from "./remote.ts";
import { warnUnreadable } from "./unreadable.ts";
import { environmentOf } from "./workspace.ts";

/** What stands between instances and being up to date, or the exit code once it has been told why that is not known. */
export async function assessTargets(
  context: Context,
  args: Arguments,
  plan: Plan,
  targets: readonly InstanceName[],
  forced: ReadonlySet<InstanceName> = new Set(),
): Promise<readonly Assessment[] | 2> {
  const remote = await remoteOf(context, args, plan);
  if (remote === 2) return 2;
  warnUnreadable(context, plan);
  const { assess } = await import("../engine/survey/assess.ts");
  const result = await assess(plan, targets, environmentOf(context, args), {
    remote,
    warn: warningsOf(context),
    forced,
  });
  return "reason" in result ? reportPlanFailure(context, result) : result;
}

/** Neighbours that say the same, together: `train` with 47 instances stale for one reason is one thing to tell. */
export function groupAssessments(assessments: readonly Assessment[]): Assessment[][] {
  const groups = new Map<string, Assessment[]>();
  const plain = createPalette(false);
  for (const assessment of assessments) {
    const { instance, state, remote, reasons } = assessment;
    const told = reasons.map((reason) => reasonLine(reason, plain));
    const identity = JSON.stringify([stageOf(instance), state, remote, told]);
    const group = groups.get(identity);
    if (group === undefined) groups.set(identity, [assessment]);
    else group.push(assessment);
  }
  return [...groups.values()];
}

/** The instances of a group in few words: `train@eta=0.1`, or `train (3 instances: eta=0.1; eta=0.2; …)`. */
export function groupName(group: readonly Assessment[]): string {
  const [first] = group;
  if (first === undefined || group.length === 1) return first?.instance ?? "";
  const stage = stageOf(first.instance);
  const rows = group.map(({ instance }) => instance.slice(stage.length + 1));
  return `${stage} (${counted(group.length, "instance")}: ${rows.slice(0, 4).join("; ")}${rows.length > 4 ? "; …" : ""})`;
}

/** The stages whose instances are waited for: `train, sharpness`. */
export function waitedFor(group: readonly Assessment[]): string {
  return enumerate([...new Set(group.flatMap(({ dependsOn }) => dependsOn.map(stageOf)))]);
}
