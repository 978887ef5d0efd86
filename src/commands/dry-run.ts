import type { Assessment } from "../engine/assess.ts";
import type { InstanceName, Plan } from "../engine/plan.ts";
import { closureOf } from "../engine/targets.ts";
import { counted, formatSeconds } from "../reporters/text.ts";
import { assessTargets } from "./assessments.ts";
import type { Arguments, Context, ExitCode } from "./command.ts";
import { explainGroups } from "./explain.ts";

/** `run --dry-run`: what a run would do, why, and about how long it would compute. */
export async function dryRun(
  context: Context,
  args: Arguments,
  plan: Plan,
  targets: readonly InstanceName[],
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
  out.write(`\n${totals(assessments)}\n`);
  return 0;
}

/** `would run 3, restore 2; 5 wait for what those give; about 12 s by the last run`. */
function totals(assessments: readonly Assessment[]): string {
  const count = (state: Assessment["state"]): number => assessments.filter((one) => one.state === state).length;
  const parts = [`would run ${count("stale")}`];
  if (count("restorable") > 0) parts.push(`restore ${count("restorable")}`);
  if (count("depends") > 0)
    parts.push(`then see about ${count("depends")} that ${count("depends") === 1 ? "depends" : "depend"} on them`);
  if (count("fresh") > 0) parts.push(`${count("fresh")} fresh`);
  const seconds = assessments
    .filter(({ state }) => state === "stale" || state === "depends")
    .reduce((sum, { lastSeconds }) => sum + (lastSeconds ?? 0), 0);
  return `${parts.join(", ")}${seconds > 0 ? `; ${formatSeconds(seconds)} of work last time` : ""}`;
}
