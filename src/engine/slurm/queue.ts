import { userInfo } from "node:os";
import type { Environment } from "../plan/environment.ts";
import { ask } from "./ask.ts";

/** What Slurm says of one process of an array. */
export interface Standing {
  /** `PENDING`, `RUNNING`, `TIMEOUT`, … */
  readonly state: string;
  readonly node: string;
  /** Why it waits. */
  readonly reason: string;
}

export interface QueueEntry extends Standing {
  /** Slurm's number of the array. */
  readonly job: string;
  readonly index: number;
  /** The job's name, which the driver has chosen. */
  readonly name: string;
}

const FORMAT = "%F|%K|%T|%N|%j|%r";
const me = (): string => String(process.getuid?.() ?? userInfo().username);

/** One call for all jobs of these names, those that ended a moment ago included; `undefined` where nobody answers. */
export async function readQueue(
  environment: Environment,
  names: readonly string[],
): Promise<readonly QueueEntry[] | undefined> {
  const which = ["--user", me(), `--name=${names.join(",")}`];
  const flags = ["--noheader", "--array", "--states=all", ...which, `--format=${FORMAT}`];
  return parseQueue(await ask(environment, "squeue", flags));
}

export function parseQueue(text: string | undefined): readonly QueueEntry[] | undefined {
  return text?.split("\n").flatMap((line): QueueEntry[] => {
    const [job = "", index = "", state = "", node = "", name = "", ...reason] = line.split("|");
    if (!/^\d+$/.test(job) || !/^\d+$/.test(index)) return [];
    return [{ job, index: Number(index), state, node, name, reason: reason.join("|") }];
  });
}

/** Whether anything of this user is in the queue; `undefined` where nobody answers. */
export async function hasJobs(environment: Environment): Promise<boolean | undefined> {
  const text = await ask(environment, "squeue", ["--noheader", "--user", me(), "--format=%i"]);
  return text === undefined ? undefined : text.trim() !== "";
}

/**
 * Of arrays that the queue has forgotten, how their processes ended, by `JOB_INDEX`: accounting knows, or the controller
 * still does. What is not there, nobody knows.
 */
export async function readEnds(
  environment: Environment,
  jobs: readonly string[],
): Promise<ReadonlyMap<string, Standing>> {
  const accounts = ["--noheader", "--parsable2", "--allocations", "--format=JobID,State,NodeList"];
  const ends = parseAccounts(await ask(environment, "sacct", [...accounts, `--jobs=${jobs.join(",")}`]));
  for (const job of jobs) {
    const records = parseRecords(await ask(environment, "scontrol", ["--oneliner", "show", "job", job]));
    for (const [id, standing] of records) ends.set(id, standing);
  }
  return ends;
}

/** Of what is over: accounting hears of jobs late, and of the end of some never. */
export function parseAccounts(text = ""): Map<string, Standing> {
  const lines = text.split("\n").flatMap((line): [string, Standing][] => {
    const [id = "", state = "", node = ""] = line.split("|");
    // `CANCELLED by 1000`
    const word = state.split(" ")[0]!;
    return /^\d+_\d+$/.test(id) && isOver(word) ? [[id, { state: word, node, reason: "" }]] : [];
  });
  return new Map(lines);
}

export function parseRecords(text = ""): Map<string, Standing> {
  const lines = text.split("\n").flatMap((line): [string, Standing][] => {
    const field = (name: string): string => new RegExp(`(?:^| )${name}=(\\S+)`).exec(line)?.[1] ?? "";
    const id = `${field("ArrayJobId")}_${field("ArrayTaskId")}`;
    const [state, node, reason] = [field("JobState"), field("NodeList"), field("Reason")];
    return /^\d+_\d+$/.test(id) ? [[id, { state, node: node === "(null)" ? "" : node, reason }]] : [];
  });
  return new Map(lines);
}

/** It will not run any more, unless it is put back. */
export function isOver(state: string): boolean {
  return /^(BOOT_FAIL|CANCELLED|COMPLETED|DEADLINE|FAILED|LOST|NODE_FAIL|OUT_OF_MEMORY|PREEMPTED|REVOKED|TIMEOUT)/.test(
    state,
  );
}

/** Jobs that end so are put back into the queue, unless Slurm is told not to. */
export function mayComeBack(state: string): boolean {
  return /^(BOOT_FAIL|NODE_FAIL|PREEMPTED)/.test(state);
}

export function isWaiting(state: string): boolean {
  return /^(PENDING|REQUEUE|SPECIAL_EXIT)/.test(state);
}

/** Reasons for waiting that somebody should know: without somebody's doing it may wait for ever. */
export function isTrouble(reason: string): boolean {
  return /ReqNodeNotAvail|Nodes? ?required|DOWN|DRAIN|PartitionDown|PartitionInactive|PartitionNodeLimit|PartitionTimeLimit|PartitionConfig|BadConstraints|JobHeld|held|Invalid(Account|QOS)|QOS.*Limit|Assoc.*Limit|DependencyNeverSatisfied|AccountNotAllowed|QOSNotAllowed|Reservation/i.test(
    reason,
  );
}
