import { processorName } from "../engine/plan/machine.ts";
import type { ProjectedStage, Projection } from "../engine/survey/projection.ts";
import { enumerate } from "../engine/system/suggest.ts";
import type { Palette } from "../reporters/palette.ts";
import { counted, formatBytes, formatSeconds, pad } from "../reporters/text.ts";
import { type Command, type Context, DEVICE_OPTION, PLAN_OPTIONS, usageError } from "./command.ts";
import { reportPlanFailure } from "./plan-failure.ts";
import { warnUnreadable } from "./unreadable.ts";
import { chooseTargets, environmentOf, openPlan } from "./workspace.ts";

const DEVICES = "1,8,64";

export const command: Command = {
  name: "plan",
  summary: "tell what a profile takes: device hours, bytes, and time on 1, 8 and 64 devices",
  usage: "[TARGET…] [options]",
  description: `Tells what everything would take if nothing of it were cached: instances, device hours and bytes of each
stage, how long it takes on so many devices by a simulation of the schedule, and where the longest chain of work
lies. By recorded times and declared work: run a smaller profile first. Changes nothing.`,
  options: {
    ...PLAN_OPTIONS,
    devices: { type: "string", value: "N,N,…", description: `on how many devices (default: ${DEVICES})` },
    ...DEVICE_OPTION,
    json: { type: "boolean", description: "one JSON object" },
  },
  examples: [
    { command: "pipeline plan --profile paper", meaning: "what the paper's sizes take" },
    { command: "pipeline plan fig07 --profile paper --devices 1,4", meaning: "one figure, on a workstation's devices" },
  ],
  arity: [0, Number.POSITIVE_INFINITY],
  async run(context, args) {
    const devices = devicesIn(context, args.text("devices") ?? DEVICES);
    if (devices === 2) return 2;
    const opened = await openPlan(context, args);
    if (opened === 2) return 2;
    // By what this machine has measured: a cluster need not be asked for that.
    const { executor: _, ...plan } = opened;
    const targets = chooseTargets(context, plan, args.positionals);
    if (targets === 2) return 2;
    const { project } = await import("../engine/survey/projection.ts");
    warnUnreadable(context, plan);
    const projection = await project(plan, targets, environmentOf(context, args), devices);
    if ("reason" in projection) return reportPlanFailure(context, projection);
    const { out } = context;
    out.write(args.flag("json") ? `${JSON.stringify(projection)}\n` : textOf(projection, out.palette));
    return 0;
  },
};

function devicesIn(context: Context, text: string): readonly number[] | 2 {
  const counts = text.split(",").map((part) => part.trim());
  if (counts.every((count) => /^[1-9]\d{0,4}$/.test(count))) return counts.map(Number);
  return usageError(context, `--devices cannot be \`${text}\``, "give whole numbers from 1, as in --devices 1,8,64");
}

/** So many stages are named at most where many are alike. */
const NAMED = 8;
/** How many links of the critical path are told; the shortest are left out. */
const LINKS = 8;

function textOf(projection: Projection, palette: Palette): string {
  const { profile, instances, stages, deviceSeconds, bytes, runs, criticalSeconds } = projection;
  const head = [palette.bold(profile), counted(instances, "instance")];
  if (deviceSeconds > 0) head.push(`${hours(deviceSeconds)} of one device`);
  if (bytes > 0) head.push(`${formatBytes(bytes)} in the cache`);
  const lines = [head.join(palette.dim(" · ")), ""];

  const width = Math.max(...stages.map(({ stage }) => stage.length), 5) + 2;
  lines.push(
    palette.dim(
      `  ${pad("stage", width)}${right("instances", 9)}${right("each", 16)}${right("in all", 18)}${right("bytes", 12)}`,
    ),
  );
  for (const stage of stages) lines.push(`  ${stageLine(stage, width)}`);
  if (deviceSeconds > 0) {
    lines.push("", palette.dim(`  ${right("devices", 9)}${right("takes", 16)}${right("busy", 8)}`));
    for (const { devices, seconds, busy } of runs)
      lines.push(
        `  ${right(String(devices), 9)}${right(hours(seconds), 16)}${right(`${Math.round(busy * 100)} %`, 8)}`,
      );
    lines.push("", `by what ran on ${processorName() ?? "this machine"} and its devices`);
    lines.push(`the longest chain takes ${hours(criticalSeconds)}: ${chainText(projection)}`);
  }
  lines.push(...unknownText(projection));
  return `${lines.join("\n")}\n`;
}

function stageLine(
  { stage, instances, seconds, deviceSeconds, bytes, untimed, unsized }: ProjectedStage,
  width: number,
): string {
  const timed = instances - untimed;
  const each = timed === 0 ? "never timed" : hours(seconds / timed);
  const size = unsized === instances ? "?" : formatBytes(bytes);
  return `${pad(stage, width)}${right(String(instances), 9)}${right(each, 16)}${right(timed === 0 ? "" : hours(deviceSeconds), 18)}${right(size, 12)}`;
}

/** In the order of the chain, the longest links of it. */
function chainText({ critical }: Projection): string {
  const longest = new Set([...critical].sort((a, b) => b.seconds - a.seconds).slice(0, LINKS));
  const told = critical.filter((link) => longest.has(link));
  const text = told.map(({ instance, seconds }) => `${instance} ${hours(seconds)}`).join(" → ");
  return told.length === critical.length ? text : `${text} (and ${critical.length - told.length} shorter)`;
}

function unknownText({ stages, untimed, unsized }: Projection): string[] {
  const namesOf = (of: (stage: ProjectedStage) => number): string =>
    enumerate(
      stages.filter((stage) => of(stage) > 0).map(({ stage }) => stage),
      NAMED,
    );
  return [
    ...(untimed === 0
      ? []
      : ["", `${counted(untimed, "instance")} never timed, and in no sum: ${namesOf((stage) => stage.untimed)}`]),
    ...(unsized === 0 || unsized === untimed
      ? []
      : [`${counted(unsized, "instance")} of unknown size: ${namesOf((stage) => stage.unsized)}`]),
  ];
}

function hours(seconds: number): string {
  return formatSeconds(seconds);
}

function right(text: string, width: number): string {
  return text.padStart(width);
}
