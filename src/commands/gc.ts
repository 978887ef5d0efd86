import { counted, formatBytes } from "../reporters/text.ts";
import { type Command, PLAN_OPTIONS, usageError } from "./command.ts";
import { reportPlanFailure } from "./plan-failure.ts";
import { plansOfAllProfiles } from "./profiles.ts";
import { openPlan } from "./workspace.ts";

export const command: Command = {
  name: "gc",
  summary: "remove old results from the cache",
  usage: "[options]",
  description: `Removes results from the cache that pipeline.yaml does not reach, with any profile, and that were neither made nor
restored for two weeks, and what is left of stages and profiles that it has no more: logs, states of unfinished actions,
submissions to a cluster whose jobs are over.
What a stage that would run had last is kept. Safe while other pipelines run.`,
  options: {
    "older-than": { type: "string", value: "AGE", description: "how old they must be: 14d (default), 12h, 0" },
    "max-size": {
      type: "string",
      value: "SIZE",
      description: "beyond this size younger ones go too, oldest first: 20GB",
    },
    "dry-run": { type: "boolean", short: "n", description: "tell what would be removed, and remove nothing" },
    json: { type: "boolean", description: "one JSON object" },
    ...PLAN_OPTIONS,
  },
  examples: [
    { command: "pipeline gc", meaning: "forget what was not used for two weeks" },
    { command: "pipeline gc --older-than 0", meaning: "keep what pipeline.yaml reaches and nothing else" },
    { command: "pipeline gc --max-size 20GB -n", meaning: "what would have to go?" },
  ],
  arity: [0, 0],
  async run(context, args) {
    const age = args.text("older-than") ?? "14d";
    const size = args.text("max-size");
    const [olderThanMs, maxBytes] = [ageOf(age), size === undefined ? Number.POSITIVE_INFINITY : bytesOf(size)];
    if (olderThanMs === undefined) {
      return usageError(context, `--older-than cannot be \`${age}\``, "give days or hours, as in 14d, 12h or 0");
    }
    if (maxBytes === undefined) {
      return usageError(context, `--max-size cannot be \`${size}\``, "give a size, as in 500MB or 20GB");
    }
    const plan = await openPlan(context, args);
    if (plan === 2) return 2;
    const { collectGarbage } = await import("../engine/run/gc.ts");
    const dryRun = args.flag("dry-run");
    const plans = await plansOfAllProfiles(plan);
    const report = await collectGarbage(plans, context.environment, { olderThanMs, maxBytes, dryRun });
    if ("reason" in report) return reportPlanFailure(context, report);
    const { out } = context;
    if (args.flag("json")) {
      out.write(`${JSON.stringify(report)}\n`);
      return 0;
    }
    const { removed, kept, busy } = report;
    // What it was can be looked at only before it goes.
    if (dryRun)
      for (const { kind, name, bytes } of removed.others) out.write(`${kind} ${name} (${formatBytes(bytes)})\n`);
    const counts = new Map<string, number>();
    for (const { kind } of removed.others) counts.set(kind, (counts.get(kind) ?? 0) + 1);
    const others = [...counts].map(([kind, count]) => counted(count, NAMES[kind as keyof typeof NAMES]));
    const parts = [counted(removed.results, "result"), counted(removed.blobs, "blob"), ...others];
    const what = `${parts.slice(0, -1).join(", ")} and ${parts.at(-1)}`;
    out.write(
      `${dryRun ? "would remove" : "removed"} ${what} (${formatBytes(removed.bytes)}); ` +
        `${counted(kept.results, "result")} (${formatBytes(kept.bytes)}) ${kept.results === 1 ? "stays" : "stay"}\n`,
    );
    if (busy) out.write("another pipeline is running here: nothing younger than a day was touched\n");
    return 0;
  },
};

const NAMES = {
  log: "log",
  plan: "plan",
  resume: "unfinished state",
  bundle: "bundle file",
  quarantine: "corrupted blob",
  submission: "Slurm submission",
  program: "job program",
} as const;

function ageOf(text: string): number | undefined {
  const [, number, unit = "d"] = /^(\d+(?:\.\d+)?)(d|h|m)?$/.exec(text) ?? [];
  const minutes = { d: 24 * 60, h: 60, m: 1 }[unit];
  return number === undefined || minutes === undefined ? undefined : Number(number) * minutes * 60_000;
}

function bytesOf(text: string): number | undefined {
  const [, number, unit] = /^(\d+(?:\.\d+)?)\s?([kMGT]?)i?B?$/i.exec(text) ?? [];
  if (number === undefined || unit === undefined) return undefined;
  return Number(number) * 1000 ** ["", "k", "m", "g", "t"].indexOf(unit.toLowerCase());
}
