import type { Assessment } from "../engine/assess.ts";
import type { InstanceName, Plan } from "../engine/plan.ts";
import type { Budget } from "../engine/resources.ts";
import { closureOf } from "../engine/targets.ts";
import { counted } from "../reporters/text.ts";
import { assessTargets } from "./assessments.ts";
import type { Arguments, Context, ExitCode } from "./command.ts";
import { explainGroups } from "./explain.ts";
import { outlookLine } from "./outlook.ts";

/** `run --dry-run`: what a run would do, why, and about how long it would take. */
export async function dryRun(
  context: Context,
  args: Arguments,
  plan: Plan,
  targets: readonly InstanceName[],
  budget: Budget,
): Promise<ExitCode> {
  const assessed = await assessTargets(context, args, plan, targets);
  if (assessed === 2) return 2;
  const forced = new Set(args.flag("force") ? targets : []);
  const assessments = assessed.map((assessment): Assessment => {
    if (!forced.has(assessment.instance) || assessment.state === "stale") return assessment;
    return {
      ...assessment,
      state: "stale",
      reasons: [{ kind: "forced", subject: "", before: undefined, after: undefined }],
    };
  });
  const { out } = context;
  if (args.flag("json")) {
    for (const assessment of assessments) out.write(`${JSON.stringify({ type: "assessment", ...assessment })}\n`);
    return 0;
  }
  const pending = assessments.filter(({ state }) => state !== "fresh");
  if (pending.length === 0) {
    out.write(`${out.palette.green("everything is fresh")}: ${counted(closureOf(plan, targets).length, "instance")}\n`);
    return 0;
  }
  out.write(explainGroups(pending, out.palette));
  out.write(`\n${outlookLine(plan, assessments, budget)}\n`);
  return 0;
}
