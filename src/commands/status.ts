import { availableParallelism } from "node:os";
import { budgetOf } from "../engine/plan/machine.ts";
import type { Assessment } from "../engine/survey/assess.ts";
import type { Palette } from "../reporters/palette.ts";
import { stageOf } from "../reporters/reporter.ts";
import { counted, pad } from "../reporters/text.ts";
import { assessTargets } from "./assessments.ts";
import { type Command, DEVICE_OPTION, PLAN_OPTIONS } from "./command.ts";
import { stateText, tookText } from "./explain.ts";
import { outlookLine } from "./outlook.ts";
import { REMOTE_OPTION } from "./remote.ts";
import { chooseTargets, openPlan } from "./workspace.ts";

export const command: Command = {
  name: "status",
  summary: "show which stages are fresh and which will run",
  usage: "[TARGET…] [options]",
  description: `Shows for each stage how many of its instances are fresh, can be restored, will run, or depend on
what others turn out to give, with the time they took before and an estimate of the whole. Changes nothing.`,
  options: {
    ...PLAN_OPTIONS,
    ...REMOTE_OPTION,
    ...DEVICE_OPTION,
    json: { type: "boolean", description: "one JSON object a line for each instance" },
  },
  examples: [
    { command: "pipeline status", meaning: "all stages, with the default profile" },
    { command: "pipeline status 'fig*' --profile paper", meaning: "the figures at the paper's sizes" },
  ],
  arity: [0, Number.POSITIVE_INFINITY],
  async run(context, args) {
    const plan = await openPlan(context, args);
    if (plan === 2) return 2;
    const targets = chooseTargets(context, plan, args.positionals);
    if (targets === 2) return 2;
    const assessments = await assessTargets(context, args, plan, targets);
    if (assessments === 2) return 2;
    const { out } = context;
    if (args.flag("json")) {
      for (const assessment of assessments) out.write(`${JSON.stringify(assessment)}\n`);
      return 0;
    }
    const head = [out.palette.bold(plan.profile), counted(assessments.length, "instance")];
    out.write(`${head.join(out.palette.dim(" · "))}\n`);
    if (assessments.every(({ state }) => state === "fresh")) {
      out.write(`${out.palette.green("everything is fresh")}\n`);
      return 0;
    }
    const stages = new Map<string, Assessment[]>();
    for (const assessment of assessments) {
      const stage = stageOf(assessment.instance);
      stages.set(stage, [...(stages.get(stage) ?? []), assessment]);
    }
    const width = Math.max(...[...stages.keys()].map((stage) => stage.length)) + 3;
    for (const [stage, own] of stages) out.write(`  ${pad(stage, width)}${stageText(own, out.palette)}\n`);
    out.write(`${outlookLine(plan, assessments, budgetOf(availableParallelism(), {}, context.environment))}\n`);
    return 0;
  },
};

/** `44 fresh, 3 will run  took 12.4 s` */
function stageText(assessments: readonly Assessment[], palette: Palette): string {
  const parts: string[] = [];
  for (const state of ["fresh", "restorable", "stale", "depends"] as const) {
    for (const remote of [undefined, true] as const) {
      const group = assessments.filter((assessment) => assessment.state === state && assessment.remote === remote);
      if (group.length === 0) continue;
      const number = assessments.length === 1 ? "" : `${group.length} `;
      parts.push(`${number}${stateText(group, palette)}`);
    }
  }
  return `${parts.join(", ")}${tookText(assessments, palette)}`;
}
