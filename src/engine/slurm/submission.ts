import { appendFileSync, readFileSync, writeFileSync } from "node:fs";
import { type Arrivals, openArrivals } from "./events.ts";
import { scriptOf } from "./script.ts";
import {
  commonFile,
  eventsFolder,
  jobFile,
  keysFile,
  linesIn,
  makeSpool,
  openSpool,
  outsFile,
  type Spool,
  scriptFile,
  takenFile,
  taskFile,
} from "./spool.ts";
import { type Common, keysOf } from "./task.ts";
import type { Cluster, Work } from "./work.ts";

/** One array, and its files. */
export interface Submission {
  readonly spool: Spool;
  readonly stage: string;
  /** How people see it in the queue, and how the next driver finds it. */
  readonly name: string;
  /** Slurm's number of it. */
  job: string | undefined;
  /** The processes that the driver is not done with. */
  readonly left: Set<number>;
  readonly arrivals: Arrivals;
}

/** Writes what the array's processes need. */
export function prepareSubmission({ workspace, options, outs }: Cluster, works: readonly Work[]): Submission {
  const spool = openSpool(workspace);
  const { stage, common } = works[0]!;
  makeSpool(spool);
  writeFileSync(commonFile(spool), JSON.stringify({ ...common, stage }), { mode: 0o600 });
  writeFileSync(outsFile(spool), outs());
  writeFileSync(scriptFile(spool), scriptOf(common.build.folder, options.setup, spool.folder));
  works.forEach(({ task }, index) => {
    writeFileSync(taskFile(spool, index), JSON.stringify(task), { mode: 0o600 });
  });
  const keys = works.flatMap(({ task }, index) => keysOf(task).map((key, member) => `${key} ${index} ${member}\n`));
  writeFileSync(keysFile(spool), keys.join(""));
  return submissionOf(spool, stage, undefined, works.keys());
}

/** One that an earlier driver has left; `undefined` where its files are not there. */
export function readSubmission(spool: Spool): Submission | undefined {
  const common = readCommon(spool);
  if (common === undefined) return undefined;
  const taken = new Set(linesIn(takenFile(spool)));
  const indices = linesIn(keysFile(spool)).map((line) => line.split(" ")[1]!);
  const left = indices.filter((index) => !taken.has(index)).map(Number);
  return submissionOf(spool, common.stage, linesIn(jobFile(spool))[0], left);
}

export function readCommon(spool: Spool): (Common & { readonly stage: string }) | undefined {
  try {
    return JSON.parse(readFileSync(commonFile(spool), "utf8"));
  } catch {
    return undefined;
  }
}

export function nameOf(stage: string, { id }: Spool): string {
  return `${stage}.${id}`;
}

function submissionOf(spool: Spool, stage: string, job: string | undefined, left: Iterable<number>): Submission {
  const arrivals = openArrivals(eventsFolder(spool));
  return { spool, stage, name: nameOf(stage, spool), job, left: new Set(left), arrivals };
}

export function noteJob(submission: Submission, job: string): void {
  if (submission.job === job) return;
  submission.job = job;
  try {
    writeFileSync(jobFile(submission.spool), `${job}\n`);
  } catch {
    // The queue knows it by its name.
  }
}

/** The driver is done with an action: noted before its outs leave, so that nobody looks for them there. */
export function takeMember({ spool }: Submission, index: number, member: number): void {
  appendFileSync(takenFile(spool), `${index} ${member}\n`);
}

/** The driver is done with a process; says whether it was the last one, with which the submission goes. */
export function takeProcess({ spool, left }: Submission, index: number): boolean {
  if (!left.delete(index)) return false;
  if (left.size === 0) return true;
  try {
    appendFileSync(takenFile(spool), `${index}\n`);
  } catch {
    // The next driver finds nothing there that it could take.
  }
  return false;
}
