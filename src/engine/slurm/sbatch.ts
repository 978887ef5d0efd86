import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { BASE_VARIABLES, type Environment } from "../plan/environment.ts";
import type { Instance, SlurmOptions } from "../plan/plan.ts";
import type { PlanFailure } from "../plan/plan-failure.ts";
import { slurmEnvironment } from "./ask.ts";
import { jobOptionsOf } from "./options.ts";

/** What a job of this driver gets of the driver's environment: where programs and libraries are. Slurm decides the devices. */
const EXPORTED: readonly string[] = BASE_VARIABLES.filter(
  (name) => !/^(CUDA_VISIBLE|NVIDIA_VISIBLE)_DEVICES$|^XDG_RUNTIME_DIR$/.test(name),
);

/** After a limit has been reached, a job ends by itself within this many seconds, before Slurm ends it. */
const GRACE_SECONDS = 30;

/** Why there is no cluster to ask. */
export function slurmProblem({ PATH = "" }: Environment): PlanFailure | undefined {
  const missing = ["sbatch", "squeue", "scancel"].filter(
    (name) => !PATH.split(delimiter).some((folder) => folder !== "" && existsSync(join(folder, name))),
  );
  if (missing.length === 0) return undefined;
  return {
    reason: "no-slurm",
    message: `the executor is slurm, and ${missing.join(", ")} ${missing.length === 1 ? "is" : "are"} not on the PATH`,
    remedy: "run on a machine that submits jobs to the cluster, or here with --executor local",
  };
}

/** sbatch's flags for one process: equal ones can be one array. */
export function flagsOf(
  { stage, resources, timeout }: Partial<Pick<Instance, "stage" | "resources" | "timeout">>,
  members: number,
  gpus: number,
  all: SlurmOptions,
): readonly string[] {
  const { cpu, memory } = resources ?? {};
  const options = jobOptionsOf(all, stage, gpus);
  // Each of a batch brings its own time.
  const seconds = timeout === undefined ? options.time : timeout * members + GRACE_SECONDS;
  const named = {
    partition: options.partition,
    account: options.account,
    qos: options.qos,
    constraint: options.constraint,
  };
  return [
    ...Object.entries(named).flatMap(([name, value]) => (value === undefined ? [] : [`--${name}=${value}`])),
    ...(cpu === undefined ? [] : [`--cpus-per-task=${Math.ceil(cpu)}`]),
    ...(memory === undefined ? [] : [`--mem=${Math.ceil(memory / 2 ** 20)}M`]),
    ...(gpus === 0 ? [] : [`--gres=${options.gres}:${gpus}`]),
    ...(seconds === undefined ? [] : [`--time=${Math.ceil(seconds / 60)}`]),
    ...(options.flags ?? []),
  ];
}

export type Submitted =
  | { readonly type: "submitted"; readonly job: string }
  /** There is no room for it now; it may have been taken all the same. */
  | { readonly type: "full"; readonly message: string }
  /** Nobody answers; it may have been taken all the same. */
  | { readonly type: "silent"; readonly message: string }
  /** More processes than an array may have. */
  | { readonly type: "long"; readonly message: string }
  | { readonly type: "refused"; readonly message: string };

const FULL =
  /QOSMax|AssocMax|AssocGrp|QOSGrp|MaxSubmit|MaxJob|job submit limit|temporarily unable|temporarily unavailable|sleeping and retrying|exceed.*limit.*job/i;
const SILENT =
  /Unable to contact|Socket timed out|Connection refused|Connection timed out|Zero Bytes|controller not responding|in standby/i;
const LONG = /Invalid job array specification/i;

/** Hands one array to sbatch. Where that would wait for room by itself, in silence, it is ended. */
export function submit(
  environment: Environment,
  workspace: string,
  args: readonly string[],
  signal: AbortSignal,
): Promise<Submitted> {
  return new Promise((fulfil, reject) => {
    const child = spawn("sbatch", args, {
      cwd: workspace,
      env: jobEnvironment(environment),
      stdio: ["ignore", "pipe", "pipe"],
    });
    let [answer, trouble] = ["", ""];
    const stop = (): void => void child.kill("SIGKILL");
    signal.addEventListener("abort", stop);
    child.stdout.on("data", (chunk: Uint8Array) => {
      answer += String(chunk);
    });
    child.stderr.on("data", (chunk: Uint8Array) => {
      trouble += String(chunk);
      if (/sleeping and retrying/i.test(trouble)) stop();
    });
    child.once("error", reject);
    child.once("close", (code) => {
      signal.removeEventListener("abort", stop);
      fulfil(answerOf(code, answer, trouble));
    });
  });
}

/** What sbatch has printed, and its exit code; `null` where it was ended. */
export function answerOf(code: number | null, answer: string, trouble: string): Submitted {
  const job = /^(\d+)(?:;|$)/m.exec(answer.trim())?.[1];
  if (code === 0 && job !== undefined) return { type: "submitted", job };
  const lines = trouble
    .trim()
    .replaceAll(/^sbatch: (error: )?/gm, "")
    .split("\n")
    .filter(Boolean);
  const message = lines.slice(-3).join("; ");
  if (SILENT.test(trouble)) return { type: "silent", message };
  if (code === null || FULL.test(trouble)) return { type: "full", message };
  return { type: LONG.test(trouble) ? "long" : "refused", message };
}

/** It is not for others that there is no room: where nothing of ours is in the queue, there never will be any. */
export function isOwnLimit(message: string): boolean {
  return /accounting\/QOS policy|QOSMax|AssocMax|MaxSubmit/i.test(message) && !/Grp/.test(message);
}

/**
 * What sbatch gets, and hands on all of. It could be told names of what to hand on; but then slurmd starts a login shell for
 * each job, one after the other, to ask what else there is.
 */
export function jobEnvironment(environment: Environment): NodeJS.ProcessEnv {
  const kept = Object.entries(slurmEnvironment(environment)).filter(
    ([name]) => EXPORTED.includes(name) || /^(SLURM|SBATCH)_/.test(name),
  );
  return Object.fromEntries(kept);
}
