import type { InstanceName, Plan } from "../engine/plan/plan.ts";
import type { Budget } from "../engine/plan/resources.ts";
import { closureOf } from "../engine/plan/targets.ts";
import type { Assessment } from "../engine/survey/assess.ts";
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
  const all = targets.length === 0 ? plan.instances.map(({ name }) => name) : targets;
  const forced = new Set(args.flag("force") ? all : []);
  const assessed = await assessTargets(context, args, plan, targets, forced);
  if (assessed === 2) return 2;
  const assessments = assessed.map((assessment): Assessment => {
    if (!forced.has(assessment.instance) || assessment.state === "stale") return assessment;
    const { remote: _, ...rest } = assessment;
    return {
      ...rest,
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
