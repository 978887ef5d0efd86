import { appendFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import type { Event, Summary } from "../engine/plan/event.ts";
import { budgetOf, type Declared, listIn } from "../engine/plan/machine.ts";
import type { InstanceName, Plan } from "../engine/plan/plan.ts";
import { parseMemory } from "../engine/plan/resources.ts";
import { closureOf } from "../engine/plan/targets.ts";
import { slurmOptionsOf } from "../engine/slurm/options.ts";
import { suggest } from "../engine/system/suggest.ts";
import { chooseReporter } from "../reporters/choose.ts";
import type { Reporter } from "../reporters/reporter.ts";
import { createSummaryWriter, type SummaryWriter } from "../reporters/summary.ts";
import { shellQuote } from "../reporters/text.ts";
import {
  type Arguments,
  type Command,
  type Context,
  DEVICE_OPTION,
  type ExitCode,
  type OptionSpec,
  PLAN_OPTIONS,
  usageError,
} from "./command.ts";
import { type IdleWatch, watchForIdle } from "./idle-watch.ts";
import { writeOutput } from "./output-file.ts";
import { reportPlanFailure } from "./plan-failure.ts";
import { REMOTE_OPTIONS, remoteOf } from "./remote.ts";
import { chooseTargets, environmentOf, loadPlanOf } from "./workspace.ts";

export const JOBS_OPTION = {
  jobs: { type: "string", short: "j", value: "N", description: "actions at a time (default: the number of cores)" },
} as const satisfies Record<string, OptionSpec>;

export const KEEP_GOING_OPTION = {
  "keep-going": { type: "boolean", short: "k", description: "after a failure, run what does not depend on it" },
} as const satisfies Record<string, OptionSpec>;

export const TRACE_OPTION = {
  trace: { type: "boolean", description: "fail cmd: stages that run and read what they do not declare (strace)" },
} as const satisfies Record<string, OptionSpec>;

export const RESOURCE_OPTION = {
  resource: {
    type: "string",
    multiple: true,
    value: "NAME=VALUE",
    description: "what the run may use: memory=16GB, gpu=0,1 (default: all there is)",
  },
} as const satisfies Record<string, OptionSpec>;

const EXECUTORS = ["local", "slurm"];

export const command: Command = {
  name: "run",
  summary: "bring targets up to date: restore or run what is stale",
  usage: "[TARGET…] [options]",
  description: `Brings the targets and all they depend on up to date; without a target, everything. A target is a stage
(train), instances of one (train@eta=0.1), a glob (fig*) or an out's path (artifacts/figures/fig01.svg).`,
  options: {
    ...PLAN_OPTIONS,
    ...JOBS_OPTION,
    force: { type: "boolean", short: "f", description: "run the targets even where they are fresh" },
    "dry-run": { type: "boolean", short: "n", description: "tell what would run, and why, and run nothing" },
    ...KEEP_GOING_OPTION,
    summary: {
      type: "string",
      value: "FILE",
      description: "tell the run in Markdown as well (default: $GITHUB_STEP_SUMMARY, where it is set)",
    },
    ...TRACE_OPTION,
    json: { type: "boolean", description: "one JSON object a line; the last is the summary" },
    ...RESOURCE_OPTION,
    executor: {
      type: "string",
      value: "NAME",
      description: "where actions run: local or slurm (default: the profile's)",
    },
    ...REMOTE_OPTIONS,
    ...DEVICE_OPTION,
  },
  examples: [
    { command: "pipeline run", meaning: "everything, with the default profile" },
    { command: "pipeline run fig02 --profile laptop", meaning: "one figure and what it depends on" },
    { command: "pipeline run 'train@eta=0.0*' --set mlp.epochs=50", meaning: "some trainings, shorter" },
    { command: "pipeline run -n", meaning: "what would run, and why" },
    { command: "pipeline run --remote https://cache.example.org/study", meaning: "with results of other machines" },
  ],
  arity: [0, Number.POSITIVE_INFINITY],
  interruptible: true,
  async run(context, args) {
    const jobs = jobsOf(context, args);
    if (jobs === undefined) return 2;
    const watch = watchForIdle(context, args);
    const opened = await loadPlanOf(context, args, watch?.sightings);
    if (opened === 2) return 2;
    const plan = withExecutor(context, opened.plan, args.text("executor"));
    if (plan === 2) return 2;
    const targets = chooseTargets(context, plan, args.positionals);
    if (targets === 2) return 2;
    if (args.flag("dry-run")) {
      const resources = resourcesOf(context, args);
      if (resources === undefined) return 2;
      const { dryRun } = await import("./dry-run.ts");
      return dryRun(context, args, plan, targets, budgetOf(jobs, resources, context.environment));
    }
    const code = await runTargets(context, args, plan, targets, jobs, watch);
    if (code === 0) watch?.keep(plan, opened.warnings);
    return code;
  },
};

/** `--executor` goes before what the profile says. */
function withExecutor(context: Context, plan: Plan, asked: string | undefined): Plan | 2 {
  if (asked === undefined) return plan;
  const { executor: _, ...rest } = plan;
  if (asked === "local") return rest;
  if (asked === "slurm") return { ...plan, executor: asked };
  return usageError(context, `there is no executor \`${asked}\``, suggest(asked, EXECUTORS, "executors"));
}

/** One run, told as the command line wants it told, and to `watch`. */
export async function runTargets(
  context: Context,
  args: Arguments,
  plan: Plan,
  targets: readonly InstanceName[],
  jobs: number,
  watch?: IdleWatch,
): Promise<ExitCode> {
  const resources = resourcesOf(context, args);
  if (resources === undefined) return 2;
  const remote = await remoteOf(context, args, plan);
  if (remote === 2) return 2;
  // What a remote cache has is nothing that a file's stamp tells.
  if (remote !== undefined) watch?.sightings.doubt();
  const reporter = reporterFor(context, args);
  context.onExit(reporter.close);
  // The summary is the last event of all, whatever the engine still has to say while it closes.
  let summary: Event | undefined;
  const written = createSummaryWriter();
  const emit = (event: Event): void => {
    written.emit(event);
    if (event.type === "summary") {
      summary = event;
      return;
    }
    const told = event.type === "plan" ? { ...event, stages: event.stages ?? stagesOf(plan, targets) } : event;
    watch?.observe(told);
    reporter.emit(told);
  };
  const { runPlan } = await import("../engine/run/run.ts");
  const options = {
    // Of a cluster, the machine's cores say nothing.
    jobs: plan.executor !== undefined && args.text("jobs") === undefined ? slurmOptionsOf(plan).jobs : jobs,
    force: args.flag("force"),
    keepGoing: args.flag("keep-going"),
    trace: args.flag("trace"),
    remote,
    sightings: watch?.sightings,
    resources,
    signal: context.signal,
    environment: environmentOf(context, args),
    // What --profile and --set ask for is no result of the study as it is declared.
    record: args.text("profile") === undefined && args.list("set").length === 0,
  };
  let result: Awaited<ReturnType<typeof runPlan>>;
  try {
    result = await runPlan(plan, targets, options, emit);
    if (!("reason" in result)) reporter.emit(summary ?? { type: "summary", ...result });
  } finally {
    reporter.close();
  }
  if (!writeSummary(context, args, written)) return 2;
  if ("reason" in result) return reportPlanFailure(context, result);
  return exitCodeOf(result, context.signal);
}

/** GitHub's file is added to, since each step of a job may; another is written anew. */
function writeSummary(context: Context, args: Arguments, { markdown }: SummaryWriter): boolean {
  const file = args.text("summary");
  const github = context.environment.GITHUB_STEP_SUMMARY;
  if (file !== undefined) {
    return writeOutput(context, { path: file, what: "the summary", option: "--summary" }, markdown()) !== 2;
  }
  try {
    if (github !== undefined && github !== "") appendFileSync(github, markdown());
    return true;
  } catch (error) {
    const remedy = "name another file with --summary, or unset GITHUB_STEP_SUMMARY";
    usageError(context, `the summary could not be written: ${(error as Error).message}`, remedy);
    return false;
  }
}

function exitCodeOf(summary: Summary, signal: AbortSignal): 0 | 1 | 130 {
  if (signal.aborted) return 130;
  return summary.failed > 0 ? 1 : 0;
}

/** The number that --jobs gives, or `undefined` once the mistake has been told. */
export function jobsOf(context: Context, args: Arguments): number | undefined {
  const text = args.text("jobs");
  if (text === undefined) return availableParallelism();
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
  usageError(context, `--jobs cannot be \`${text}\``, "give a whole number from 1, as in --jobs 4");
  return undefined;
}

/** What --resource says, or `undefined` once the mistake has been told. */
export function resourcesOf(context: Context, args: Arguments): Declared | undefined {
  let declared: Declared = {};
  for (const text of args.list("resource")) {
    const [, name, value = ""] = /^(\w+)=(.*)$/.exec(text) ?? [];
    const memory = name === "memory" ? parseMemory(value) : undefined;
    if (memory !== undefined) declared = { ...declared, memory };
    else if (name === "gpu") declared = { ...declared, gpus: listIn(value) ?? [] };
    else {
      const remedy = name === "cpu" ? "--jobs N says how many" : "write --resource memory=16GB or --resource gpu=0,1";
      usageError(context, `--resource cannot be \`${text}\``, remedy);
      return undefined;
    }
  }
  return declared;
}

function reporterFor(context: Context, args: Arguments): Reporter {
  const { write, palette, isTerminal, columns, rows } = context.out;
  const { TERM } = context.environment;
  return chooseReporter(
    { json: args.flag("json"), isTerminal, TERM },
    { write, palette, columns, rows, rerun: (instance) => rerunCommand(instance, args) },
  );
}

/** What to type to run one instance again, with the params it had. */
export function rerunCommand(instance: InstanceName, args: Arguments): string {
  const folder = args.text("cwd");
  const words = ["npx", "pipeline", ...(folder === undefined ? [] : ["-C", folder]), "run", instance];
  const add = (name: string, value: string | undefined): void => {
    if (value !== undefined) words.push(`--${name}`, value);
  };
  add("profile", args.text("profile"));
  for (const assignment of args.list("set")) add("set", assignment);
  add("device", args.text("device"));
  return words.map(shellQuote).join(" ");
}

function stagesOf(plan: Plan, targets: readonly InstanceName[]): { stage: string; instances: number }[] {
  const counts = new Map<string, number>();
  for (const { stage } of closureOf(plan, targets)) counts.set(stage, (counts.get(stage) ?? 0) + 1);
  return [...counts].map(([stage, instances]) => ({ stage, instances }));
}
