import { setTimeout as sleep } from "node:timers/promises";
import type { JobEnd } from "./end.ts";
import { counts, type EventReader, openEvents } from "./events.ts";
import {
  isOver,
  isTrouble,
  isWaiting,
  mayComeBack,
  type QueueEntry,
  readEnds,
  readQueue,
  type Standing,
} from "./queue.ts";
import { eventsFile, linesIn, outputFile } from "./spool.ts";
import { noteJob, type Submission, takeMember, takeProcess } from "./submission.ts";
import { type Desk, troubleOf, type Work } from "./work.ts";

/** A process in the queue or on a node, and what is known of it. */
export interface Process {
  readonly submission: Submission;
  readonly index: number;
  readonly work: Work;
  readonly events: EventReader;
  /** Its latest start has told that it began. */
  running: boolean;
  /** How often it was put back before that. */
  start: number;
  /** When it told something last, and when it is looked at next; on the driver's clock. */
  heard: number;
  next: number;
  /** Since when it is said to be over. */
  over: number | undefined;
  /** How many times in a row the queue did not have it. */
  missing: number;
}

/** Follows processes: reads what they tell, and asks the queue about those that tell nothing. */
export interface Watch {
  readonly open: ReadonlySet<Process>;
  follow(submission: Submission, index: number, work: Work): void;
  /** Reads what it has told until now. */
  hear(process: Process): void;
  /** No more looks are taken, and nothing of these is told any more. */
  stop(): void;
  drop(process: Process, keeps: boolean): void;
}

const TICK_MS = 100;
/** Looking at files takes no more than a fifth of the time. */
const PAUSE = 5;
/** A process is looked at again after a quarter of the time that it has been silent. */
const SILENCE = 4;
const LONGEST_MS = 2000;
/** Where something may be about to change. */
const SOON_MS = 1000;
/** A job that went well has told so: a network file system may show it this much later. */
const LATE_MS = 60_000;
/** A job that is put back may be preempted, or failed with its node, until all that it had started is gone. */
const COMING_BACK_MS = 30_000;
/** What it told, or printed, as it ended may come after the queue's word. */
const ENDED_MS = 900;
const TAIL = 20;

export function openWatch({ environment, options, notices, removals }: Desk): Watch {
  const open = new Set<Process>();
  let polled = performance.now();
  let soon = false;
  let ticking = false;
  let stopped = false;

  /** It is over, one way or the other. */
  const finish = (process: Process, end: JobEnd | undefined): void => {
    if (!open.has(process)) return;
    drop(process, false);
    process.work.ended(end);
  };
  const drop = (process: Process, keeps: boolean): void => {
    open.delete(process);
    const { submission, index } = process;
    if (keeps || [...open].some((other) => other.submission === submission && other.index === index)) return;
    if (takeProcess(submission, index)) removals.add(submission.spool.folder);
  };

  const hear = (process: Process): void => {
    try {
      listen(process);
    } catch (error) {
      finish(process, troubleOf(error));
    }
  };
  const listen = (process: Process): void => {
    const { submission, index, work } = process;
    const events = process.events.read();
    if (events.length > 0) process.heard = performance.now();
    for (const event of events) {
      if (!open.has(process)) return;
      switch (event.type) {
        case "began": {
          const { job, node, start } = event;
          if (process.running) work.moved({ job, state: "requeued" });
          process.running = true;
          process.start = start;
          process.over = undefined;
          work.moved({ job, state: "running", node });
          break;
        }
        case "settled":
          if (!counts(event, process.start)) continue;
          // Before its outs leave: a driver that is killed now has to run it again.
          if (work.holds(event.member)) takeMember(submission, index, event.member);
          break;
        case "over":
          if (event.start < process.start) continue;
          finish(process, undefined);
          return;
      }
      work.on(event, { spool: submission.spool, index });
    }
  };

  const poll = async (): Promise<void> => {
    const names = [...new Set([...open].map(({ submission }) => submission.name))];
    soon = false;
    const entries = await readQueue(environment, names);
    polled = performance.now();
    if (entries === undefined)
      return notices.tell("silent", "Slurm's controller does not answer; it is asked again until it does");
    notices.takeBack("silent");
    const at = new Map(entries.map((entry) => [`${entry.name} ${entry.index}`, entry]));
    const entryOf = ({ submission: { name }, index }: Process): QueueEntry | undefined => at.get(`${name} ${index}`);
    const asked = [...open].filter(({ submission }) => names.includes(submission.name));
    for (const process of asked) process.missing = entryOf(process) === undefined ? process.missing + 1 : 0;
    // Asked twice: an array that is just being taken apart may be between two places.
    const forgotten = asked.filter(({ missing }) => missing > 1);
    const jobs = new Set(forgotten.flatMap(({ submission: { job } }) => job ?? []));
    const ends = jobs.size === 0 ? undefined : await readEnds(environment, [...jobs]);
    for (const process of asked) {
      const { submission, index, missing } = process;
      const entry = entryOf(process);
      if (entry !== undefined && submission.job === undefined) noteJob(submission, entry.job);
      if (missing === 1) soon = true;
      else judge(process, entry ?? ends?.get(`${submission.job}_${index}`) ?? { state: "LOST", node: "", reason: "" });
    }
  };
  const judge = (process: Process, { state, node, reason }: Standing): void => {
    const { submission, work } = process;
    if (isOver(state)) {
      // What it told before it ended comes first.
      hear(process);
      process.over ??= performance.now();
      soon = true;
      const patience = state.startsWith("COMPLETED") ? LATE_MS : mayComeBack(state) ? COMING_BACK_MS : ENDED_MS;
      if (open.has(process) && performance.now() - process.over > patience)
        finish(process, endOf(process, state, node));
      return;
    }
    process.over = undefined;
    if (!isWaiting(state)) {
      // Where the folder's time does not tell.
      if (!process.running) hear(process);
      return;
    }
    if (process.running) {
      process.running = false;
      work.moved({ job: idOf(process), state: "requeued" });
    }
    if (!isTrouble(reason)) return;
    const what = `jobs of ${work.stage} wait in the queue of Slurm: ${reason} (job ${submission.job})`;
    notices.tell(`${work.stage} ${reason}`, `${what}; look at \`squeue\` and \`sinfo\``);
  };

  /** Only at what has begun, and seldom at what is silent. */
  const look = (): void => {
    const now = performance.now();
    for (const submission of new Set([...open].map((process) => process.submission))) submission.arrivals.look();
    for (const process of [...open]) {
      if (process.next > now || !(process.running || process.submission.arrivals.has(process.index))) continue;
      hear(process);
      process.next = now + Math.min(LONGEST_MS, Math.max(TICK_MS, (now - process.heard) / SILENCE));
    }
  };
  const tick = async (): Promise<void> => {
    if (ticking) return;
    ticking = true;
    try {
      while (open.size > 0 && !stopped) {
        const began = performance.now();
        look();
        const took = performance.now() - began;
        const wait = soon ? Math.min(SOON_MS, options.poll * 1000) : options.poll * 1000;
        if (open.size > 0 && performance.now() - polled >= wait) await poll();
        await sleep(Math.max(TICK_MS, PAUSE * took));
      }
    } finally {
      ticking = false;
    }
  };

  return {
    open,
    follow(submission, index, work) {
      const now = performance.now();
      // The first look is a whole pause away: whoever has just been taken is not in trouble.
      if (open.size === 0) polled = now;
      const events = openEvents(eventsFile(submission.spool, index));
      const fresh = { running: false, start: 0, heard: now, next: now, over: undefined, missing: 0 };
      open.add({ submission, index, work, events, ...fresh });
      void tick();
    },
    hear,
    stop() {
      stopped = true;
    },
    drop,
  };
}

export function idOf({ submission: { job, name }, index }: Pick<Process, "submission" | "index">): string {
  return `${job ?? name}_${index}`;
}

function endOf(process: Process, state: string, node: string): JobEnd {
  const output = linesIn(outputFile(process.submission.spool, process.index)).filter(Boolean).slice(-TAIL);
  return { state, job: idOf(process), node, began: process.running, output };
}
