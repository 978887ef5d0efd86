import { availableParallelism } from "node:os";
import type { Diagnostic } from "./config/diagnostic.ts";
import { loadPlan } from "./config/load.ts";
import type { Environment } from "./plan/environment.ts";
import type { Emit, Summary } from "./plan/event.ts";
import type { InstanceName, Plan } from "./plan/plan.ts";
import { resolveTargets } from "./plan/targets.ts";
import { isConfigProblem, remoteConfigOf } from "./remote/config.ts";
import { runPlan } from "./run/run.ts";
import { slurmOptionsOf } from "./slurm/options.ts";
import { type Assessment, assess } from "./survey/assess.ts";

/**
 * The engine as a library: `import { run, status } from "gd-instabilities/engine"`. It prints nothing, ends no process,
 * and tells expected failures as values. bin/engine.d.mts declares what is here for those who import the package.
 */
export interface Options {
  /** The folder with pipeline.yaml, absolute. */
  readonly workspace: string;
  /** As on the command line; everything where none is given. */
  readonly targets?: readonly string[] | undefined;
  readonly profile?: string | undefined;
  /** Each `a.b=value`. */
  readonly set?: readonly string[] | undefined;
  /** What stages and platforms are given values from (default: `process.env`). */
  readonly environment?: Environment | undefined;
  /** The URL of a remote cache, or `off` (default: `PIPELINE_REMOTE_CACHE`, else pipeline.yaml's). */
  readonly remote?: string | undefined;
}

export interface RunOptions extends Options {
  /** Actions at a time (default: the number of cores). */
  readonly jobs?: number | undefined;
  readonly force?: boolean | undefined;
  readonly keepGoing?: boolean | undefined;
  /** Stops children and starts nothing more. */
  readonly signal?: AbortSignal | undefined;
  /** Is told everything that happens, as `pipeline run --json` writes it. */
  readonly onEvent?: Emit | undefined;
}

/** Why nothing could be run or told. */
export interface Problem {
  /** `invalid-pipeline`, `unknown-target`, or what a platform or the cache says. */
  readonly reason: string;
  readonly message: string;
  readonly remedy: string;
  /** Of `invalid-pipeline`: everything that is wrong. */
  readonly diagnostics?: readonly Diagnostic[];
}

/** Brings targets up to date, as `pipeline run` does. A failed stage is in the summary and in the events, not a problem. */
export async function run(options: RunOptions): Promise<Summary | Problem> {
  const opened = await open(options);
  if ("reason" in opened) return opened;
  const most = opened.plan.executor === undefined ? availableParallelism() : slurmOptionsOf(opened.plan).jobs;
  const { jobs = most, force = false, keepGoing = false } = options;
  const { environment = process.env, signal = new AbortController().signal, onEvent = () => undefined } = options;
  const record = options.profile === undefined && (options.set ?? []).length === 0;
  const remote = remoteConfigOf(opened.plan.remote, environment, { url: options.remote });
  if (remote !== undefined && isConfigProblem(remote)) return remote;
  const run = { jobs, force, keepGoing, signal, environment, record, remote };
  return runPlan(opened.plan, opened.targets, run, onEvent);
}

/** What a run would do with each target and what it depends on, and why; nothing is changed. */
export async function status(options: Options): Promise<readonly Assessment[] | Problem> {
  const opened = await open(options);
  if ("reason" in opened) return opened;
  const { environment = process.env } = options;
  const remote = remoteConfigOf(opened.plan.remote, environment, { url: options.remote });
  if (remote !== undefined && isConfigProblem(remote)) return remote;
  return assess(opened.plan, opened.targets, environment, { remote });
}

export function isProblem(result: object): result is Problem {
  return "reason" in result && "remedy" in result;
}

async function open({
  workspace,
  targets = [],
  profile,
  set = [],
}: Options): Promise<{ readonly plan: Plan; readonly targets: readonly InstanceName[] } | Problem> {
  const loaded = await loadPlan(workspace, { set, ...(profile === undefined ? {} : { profile }) });
  if ("diagnostics" in loaded) {
    const { diagnostics } = loaded;
    const [first] = diagnostics.filter(({ severity }) => severity === "error");
    const { file, line, column } = first!.position;
    const more = diagnostics.length > 1 ? ` (and ${diagnostics.length - 1} more)` : "";
    const message = `${file}:${line}:${column}: ${first!.message}${more}`;
    return { reason: "invalid-pipeline", message, remedy: first!.remedy, diagnostics };
  }
  const chosen = resolveTargets(loaded.plan, targets);
  if ("targets" in chosen) return { plan: loaded.plan, targets: chosen.targets };
  const { message, remedy } = chosen.unknown[0]!;
  return { reason: "unknown-target", message, remedy };
}
