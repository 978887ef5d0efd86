import { setTimeout as sleep } from "node:timers/promises";
import { hasJobs, readQueue } from "./queue.ts";
import { isOwnLimit, type Submitted, submit } from "./sbatch.ts";
import { outputFile, scriptFile } from "./spool.ts";
import { noteJob, prepareSubmission, type Submission } from "./submission.ts";
import { type Cluster, type Desk, troubleOf, type Work } from "./work.ts";

/** Gathers works into job arrays and submits them. */
export interface Arrays {
  add(work: Work): void;
  /** Nothing more is submitted: what has not been is told so. */
  dismiss(): void;
}

export interface ArraysHooks {
  /** Its files are there, and it has no job yet. */
  prepared(submission: Submission): void;
  submitted(submission: Submission, works: readonly Work[]): void;
}

/** Works that can be one array. */
interface Group {
  readonly works: Work[];
  readonly since: number;
  last: number;
}

/** An array is submitted when nothing has come to it for so long; a stage's ready instances come within milliseconds. */
const GATHERING_MS = 60;
const LONGEST_GATHERING_MS = 1000;

export function openArrays(desk: Desk, { prepared, submitted }: ArraysHooks): Arrays {
  const { workspace, environment, options, signal, notices, removals } = desk;
  const groups = new Map<string, Group>();
  /** Processes in an array: what fits at the moment, and what Slurm takes at all. */
  let fits = options.array;
  let longest = options.array;
  let pumping = false;
  /** Those for which there was no room, and then no job of ours in the queue. */
  const alone = new WeakSet<Work>();

  const pause = (): Promise<void> => sleep(options.poll * 1000, undefined, { signal }).catch(() => undefined);
  const putBack = (key: string, works: readonly Work[]): void => {
    const ripe = performance.now() - GATHERING_MS;
    const group = groups.get(key) ?? { works: [], since: ripe, last: ripe };
    group.works.unshift(...works);
    groups.set(key, group);
  };
  const submitArray = async (works: readonly Work[]): Promise<Submitted> => {
    const submission = prepareSubmission(desk, works);
    prepared(submission);
    const answer = await submit(environment, workspace, flagsOfArray(desk, submission, works), signal);
    const job = answer.type === "submitted" ? answer.job : await jobOf(submission, answer);
    if (job === undefined) {
      removals.add(submission.spool.folder);
      return answer;
    }
    noteJob(submission, job);
    submitted(submission, works);
    return { type: "submitted", job };
  };
  /** sbatch was ended while it waited, or nobody answered it: the array may have been taken all the same. */
  const jobOf = async ({ name }: Submission, { type }: Submitted): Promise<string | undefined> => {
    if (type !== "full" && type !== "silent") return undefined;
    for (;;) {
      const entries = await readQueue(environment, [name]);
      if (entries !== undefined || signal.aborted) return entries?.[0]?.job;
      notices.tell("silent", "Slurm's controller does not answer; it is asked again until it does");
      await pause();
    }
  };
  const refuse = (works: readonly Work[], message: string): void => {
    for (const work of works) work.ended({ state: "REFUSED", job: message, node: "", began: false, output: [] });
  };
  const next = async (key: string, { works: all }: Group): Promise<void> => {
    const works = all.splice(0, fits);
    const size = works.length;
    if (all.length === 0) groups.delete(key);
    let answer: Submitted;
    try {
      answer = await submitArray(works);
    } catch (error) {
      for (const work of works) work.ended(troubleOf(error));
      return;
    }
    if (signal.aborted && answer.type !== "submitted") {
      for (const work of works) work.interrupted();
      return;
    }
    switch (answer.type) {
      case "submitted":
        notices.takeBack("silent");
        fits = Math.min(longest, fits * 2);
        return;
      case "refused":
        return refuse(works, answer.message);
      case "silent":
        putBack(key, works);
        return pause();
      case "long":
        if (size === 1) return refuse(works, answer.message);
        longest = Math.floor(size / 2);
        fits = longest;
        notices.tell(
          "long",
          `Slurm takes no array of ${size} processes here (${answer.message}): smaller ones are submitted`,
        );
        return putBack(key, works);
      case "full":
        if (size === 1 && isOwnLimit(answer.message) && (await hasJobs(environment)) === false) {
          // The last of ours may have ended since the answer: only where none was there before it is it for good.
          if (alone.has(works[0]!)) return refuse(works, answer.message);
          alone.add(works[0]!);
          return putBack(key, works);
        }
        alone.delete(works[0]!);
        notices.tell(
          "full",
          `Slurm takes no more jobs for now: ${answer.message}; the rest of ${works[0]!.stage} waits`,
        );
        putBack(key, works);
        fits = Math.max(1, Math.floor(size / 2));
        return size === 1 ? pause() : undefined;
      default:
        return answer satisfies never;
    }
  };
  /** Group by group, in arrays that shrink while the queue is full. */
  const pump = async (): Promise<void> => {
    if (pumping) return;
    pumping = true;
    try {
      while (groups.size > 0 && !signal.aborted) {
        const ripe = [...groups].find(([, group]) => isRipe(group, options.array));
        if (ripe === undefined) await sleep(GATHERING_MS / 3);
        else await next(...ripe);
      }
    } finally {
      pumping = false;
      if (signal.aborted) dismiss();
    }
  };
  const dismiss = (): void => {
    for (const { works } of groups.values()) for (const work of works) work.interrupted();
    groups.clear();
  };

  return {
    add(work) {
      const key = JSON.stringify([work.stage, work.flags]);
      const now = performance.now();
      const group = groups.get(key) ?? { works: [], since: now, last: now };
      group.works.push(work);
      group.last = now;
      groups.set(key, group);
      void pump();
    },
    dismiss,
  };
}

function isRipe({ works, since, last }: Group, most: number): boolean {
  const now = performance.now();
  return works.length >= most || now - last >= GATHERING_MS || now - since >= LONGEST_GATHERING_MS;
}

function flagsOfArray({ workspace }: Cluster, { spool, name }: Submission, works: readonly Work[]): readonly string[] {
  const [{ task, stage, flags }] = works as [Work];
  const title = task.type === "actions" ? task.members[0]!.instance.name : stage;
  const others = works.length === 1 ? "" : ` and ${works.length - 1} more`;
  return [
    "--parsable",
    `--job-name=${name}`,
    `--comment=pipeline ${workspace}: ${title}${others}`,
    `--array=0-${works.length - 1}`,
    `--output=${outputFile(spool, "%a")}`,
    "--open-mode=append",
    "--requeue",
    `--chdir=${workspace}`,
    "--export=ALL",
    ...flags,
    scriptFile(spool),
  ];
}
