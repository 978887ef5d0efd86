import type { InstanceName } from "../engine/plan/plan.ts";
import type { Verification } from "../engine/run/verify.ts";
import type { Palette } from "../reporters/palette.ts";
import { createPlainReporter } from "../reporters/plain.ts";
import { stageOf } from "../reporters/reporter.ts";
import { counted } from "../reporters/text.ts";
import { type Command, DEVICE_OPTION, type ExitCode, PLAN_OPTIONS, usageError } from "./command.ts";
import { reportPlanFailure } from "./plan-failure.ts";
import { JOBS_OPTION, jobsOf, RESOURCE_OPTION, rerunCommand, resourcesOf } from "./run.ts";
import { warnUnreadable } from "./unreadable.ts";
import { chooseTargets, environmentOf, openPlan } from "./workspace.ts";

export const command: Command = {
  name: "verify",
  summary: "compare results with pipeline.lock, or with a second run",
  usage: "[TARGET…] [options]",
  description: `Reads every artifact again and compares it with what its stage made and with what pipeline.lock records: same,
within tolerance, or different, and in what. With --rerun the targets run once more, and the two results are compared;
nothing is published. Numbers in JSON and safetensors outs may differ by the stage's tolerance (1e-5 relative, 1e-8
absolute unless pipeline.yaml says otherwise). Exit code 1 where something differs, or was to run again and failed.`,
  options: {
    rerun: { type: "boolean", description: "run the targets again and compare" },
    accept: { type: "boolean", description: "write what is here into pipeline.lock" },
    json: { type: "boolean", description: "one JSON object a line for each instance" },
    ...JOBS_OPTION,
    ...RESOURCE_OPTION,
    ...PLAN_OPTIONS,
    ...DEVICE_OPTION,
  },
  examples: [
    { command: "pipeline verify", meaning: "is everything as recorded?" },
    { command: "pipeline verify --rerun train", meaning: "does a stage give the same twice?" },
    { command: "pipeline verify --accept", meaning: "record this machine's results instead" },
  ],
  arity: [0, Number.POSITIVE_INFINITY],
  interruptible: true,
  async run(context, args) {
    const [rerun, accept] = [args.flag("rerun"), args.flag("accept")];
    if (accept && (rerun || args.text("profile") !== undefined || args.list("set").length > 0)) {
      return usageError(context, "--accept records the default profile as it is", "give it without other options");
    }
    const jobs = jobsOf(context, args);
    const resources = resourcesOf(context, args);
    if (jobs === undefined || resources === undefined) return 2;
    if (!rerun && (args.text("jobs") !== undefined || args.list("resource").length > 0)) {
      return usageError(context, "--jobs and --resource are for --rerun", "without it nothing is run");
    }
    const plan = await openPlan(context, args);
    if (plan === 2) return 2;
    const targets = chooseTargets(context, plan, args.positionals);
    if (targets === 2) return 2;
    warnUnreadable(context, plan);
    const environment = environmentOf(context, args);
    const { verifyByRunning, verifyRecorded } = await import("../engine/run/verify.ts");
    const { out, err, signal } = context;
    let verifications: readonly Verification[];
    let failed = 0;
    if (rerun) {
      const screen = {
        write: err.write,
        palette: err.palette,
        rerun: (name: InstanceName) => rerunCommand(name, args),
      };
      const options = { jobs, resources, signal, environment };
      const result = await verifyByRunning(plan, new Set(targets), options, createPlainReporter(screen).emit);
      if ("reason" in result) return reportPlanFailure(context, result);
      ({ verifications } = result);
      ({ failed } = result.summary);
    } else {
      const result = await verifyRecorded(plan, new Set(targets), environment, accept);
      if ("reason" in result) return reportPlanFailure(context, result);
      verifications = result;
    }
    if (args.flag("json")) for (const one of verifications) out.write(`${JSON.stringify(one)}\n`);
    else out.write(tell(verifications, rerun, out.palette));
    if (signal.aborted) return 130;
    return exitCodeOf(verifications, failed, accept);
  },
};

function exitCodeOf(verifications: readonly Verification[], failed: number, accept: boolean): ExitCode {
  const wrong = verifications.some(({ state }) => state === "edited" || (state === "differs" && !accept));
  return wrong || failed > 0 ? 1 : 0;
}

/** Stages whose instances are all the same are one number at the end; all else is told. */
function tell(verifications: readonly Verification[], rerun: boolean, palette: Palette): string {
  const words: Record<Verification["state"], string> = {
    same: palette.green(rerun ? "identical" : "same as recorded"),
    "within-tolerance": palette.yellow("within tolerance"),
    differs: palette.red(rerun ? "divergent" : "different from what is recorded"),
    edited: palette.red("edited"),
    "not-recorded": palette.dim("not recorded"),
    "not-run": palette.dim("not up to date here: nothing to compare"),
    "not-compared": palette.red("could not be compared"),
  };
  const lines: string[] = [];
  const told = new Map<string, number>();
  for (const { instance, state, details } of verifications) {
    told.set(state, (told.get(state) ?? 0) + 1);
    if (state === "same") continue;
    // A whole stage that was never recorded or run is one line.
    if (details.length === 0 && lines.some((line) => line.startsWith(`${palette.bold(stageOf(instance))}  `))) continue;
    lines.push(`${palette.bold(details.length === 0 ? stageOf(instance) : instance)}  ${words[state]}`);
    for (const detail of details) lines.push(`    ${detail}`);
  }
  const counts = [...told].map(([state, n]) => `${counted(n, "instance")} ${words[state as Verification["state"]]}`);
  return `${[...lines, counts.join(", ")].join("\n")}\n`;
}
