import { counted } from "../reporters/text.ts";
import { assessTargets } from "./assessments.ts";
import { type Command, DEVICE_OPTION, PLAN_OPTIONS } from "./command.ts";
import { explainGroups } from "./explain.ts";
import { REMOTE_OPTION } from "./remote.ts";
import { chooseTargets, openPlan } from "./workspace.ts";

export const command: Command = {
  name: "why",
  summary: "explain why a stage would run, value by value",
  usage: "TARGET… [options]",
  description: "Tells for each instance what has changed since it last ran: params, code, packages, deps, platform.",
  options: {
    ...PLAN_OPTIONS,
    ...REMOTE_OPTION,
    ...DEVICE_OPTION,
    json: { type: "boolean", description: "one JSON object a line" },
  },
  examples: [
    { command: "pipeline why train", meaning: "every instance of a stage" },
    { command: "pipeline why 'train@eta=0.1' --set mlp.epochs=50", meaning: "one instance, with another param" },
  ],
  arity: [1, Number.POSITIVE_INFINITY],
  async run(context, args) {
    const plan = await openPlan(context, args);
    if (plan === 2) return 2;
    const targets = chooseTargets(context, plan, args.positionals);
    if (targets === 2) return 2;
    const assessed = await assessTargets(context, args, plan, targets);
    if (assessed === 2) return 2;
    const asked = new Set(targets);
    const own = assessed.filter(({ instance }) => asked.has(instance));
    const { out } = context;
    if (args.flag("json")) {
      for (const assessment of own) out.write(`${JSON.stringify(assessment)}\n`);
    } else if (own.every(({ state }) => state === "fresh")) {
      out.write(`${out.palette.green("fresh")}: ${counted(own.length, "instance")}, nothing has changed\n`);
    } else {
      out.write(explainGroups(own, out.palette));
    }
    return 0;
  },
};
