import { userInfo } from "node:os";
import type { Environment } from "../environment.ts";
import { ask } from "./sbatch.ts";

/** Where one process of an array is. */
export interface QueueEntry {
  /** Slurm's number of the array. */
  readonly job: string;
  readonly index: number;
  /** `PENDING`, `RUNNING`, `TIMEOUT`, … */
  readonly state: string;
  readonly node: string;
  /** Why it waits. */
  readonly reason: string;
  /** The job's name, which the driver has chosen. */
  readonly name: string;
}

const FORMAT = "%F|%K|%T|%N|%j|%r";

/** One call for all jobs of these names, those that ended a moment ago included; `undefined` where nobody answers. */
export async function readQueue(
  environment: Environment,
  names: readonly string[],
): Promise<readonly QueueEntry[] | undefined> {
  const mine = ["--user", String(process.getuid?.() ?? userInfo().username)];
  const all = ["--noheader", "--array", "--states=all", ...mine, `--name=${names.join(",")}`, `--format=${FORMAT}`];
  const text = await ask(environment, "squeue", all);
  return text?.split("\n").flatMap((line): QueueEntry[] => {
    const [job = "", index = "", state = "", node = "", name = "", ...reason] = line.split("|");
    if (!/^\d+$/.test(job) || !/^\d+$/.test(index)) return [];
    return [{ job, index: Number(index), state, node, name, reason: reason.join("|") }];
  });
}

/** How a process ended that the queue has forgotten: by accounting, else by the controller's memory. */
export async function endedState(
  environment: Environment,
  job: string,
  index: number,
): Promise<{ readonly state: string; readonly node: string } | undefined> {
  const id = `${job}_${index}`;
  const accounts = await ask(environment, "sacct", ["-n", "-P", "-X", "-j", id, "-o", "State,NodeList"]);
  const [state, node = ""] = accounts?.trim().split("\n").at(-1)?.split("|") ?? [];
  if (state !== undefined && state !== "") return { state: state.split(" ")[0]!, node };
  const record = await ask(environment, "scontrol", ["--oneliner", "show", "job", id]);
  const found = /\bJobState=(\S+)/.exec(record ?? "")?.[1];
  return found === undefined ? undefined : { state: found, node: /\bNodeList=(\S+)/.exec(record!)?.[1] ?? "" };
}

/** It will not run any more. */
export function isOver(state: string): boolean {
  return /^(BOOT_FAIL|CANCELLED|COMPLETED|DEADLINE|FAILED|NODE_FAIL|OUT_OF_MEMORY|PREEMPTED|REVOKED|TIMEOUT)/.test(
    state,
  );
}

/** Reasons for waiting that somebody should know: without somebody's doing it may wait for ever. */
export function isTrouble(reason: string): boolean {
  return /ReqNodeNotAvail|Nodes? ?required|DOWN|DRAIN|PartitionDown|PartitionInactive|PartitionNodeLimit|PartitionTimeLimit|PartitionConfig|BadConstraints|JobHeld|held|Invalid(Account|QOS)|QOS.*Limit|Assoc.*Limit|DependencyNeverSatisfied|AccountNotAllowed|QOSNotAllowed|Reservation/i.test(
    reason,
  );
}
