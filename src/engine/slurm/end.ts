import type { Failure } from "../plan/event.ts";

/** Why a process ended without having told so. */
export interface JobEnd {
  /** Slurm's word; `REFUSED` where sbatch did not take it, `LOST` where nobody knows, `TROUBLE` with files. */
  readonly state: string;
  /** `12_3`, or what sbatch said. */
  readonly job: string;
  readonly node: string;
  /** Its program had said so. */
  readonly began: boolean;
  /** The last that it printed itself. */
  readonly output: readonly string[];
}

export function explainJob(name: string, { state, job, node, began, output }: JobEnd, isResumed: boolean): Failure {
  const where = node === "" ? "" : ` on ${node}`;
  const again = isResumed ? "run again: it goes on where it was" : "run again";
  const failure = (reason: string, message: string, remedy: string): Failure => ({ reason, message, remedy, output });
  switch (state.replace(/[^A-Z_].*$/, "")) {
    case "REFUSED":
      return failure(
        "job-refused",
        `sbatch did not take ${name}: ${job}`,
        "correct `resources:` or `slurm:` in pipeline.yaml",
      );
    case "TROUBLE":
      return failure(
        "io-error",
        `${name} and its job cannot exchange files: ${job}`,
        "look at the shared file system, then run again",
      );
    case "TIMEOUT":
    case "DEADLINE":
      return failure(
        "timed-out",
        `${name} was ended by Slurm${where}: its job ${job} reached its time limit`,
        isResumed ? again : "raise its `timeout:`, or `slurm: { time: … }`",
      );
    case "CANCELLED":
    case "REVOKED":
      return failure("cancelled", `the job ${job} of ${name} was cancelled from outside${where}`, again);
    case "OUT_OF_MEMORY":
      return failure(
        "out-of-memory",
        `${name} used more memory than its job ${job} has${where}`,
        "raise its `resources: { memory: … }`",
      );
    case "NODE_FAIL":
    case "BOOT_FAIL":
      return failure("node-failed", `the node of ${name} failed${where}: job ${job} was ended`, again);
    case "PREEMPTED":
      return failure(
        "preempted",
        `the job ${job} of ${name} was preempted${where} and not put back into the queue`,
        again,
      );
    case "LOST":
      return failure("job-lost", `Slurm knows no job of ${name} any more (${job}), and it left no result`, again);
    default:
      return failure(
        "job-failed",
        `the job ${job} of ${name} ended as ${state}${where} before its work ${began ? "was done" : "began"}`,
        began
          ? "look at its output above, and at the node's log: its program was ended from outside"
          : "look at its output above, and whether its node has the same Node.js and sees the workspace's folder",
      );
  }
}
