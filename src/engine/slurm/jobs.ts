import { setTimeout as sleep } from "node:timers/promises";
import type { Key } from "../plan/plan.ts";
import { openArrays } from "./arrays.ts";
import { ask } from "./ask.ts";
import { openEvents, settledIn } from "./events.ts";
import { openPlaces, type Place } from "./places.ts";
import { isOver, type QueueEntry, readQueue } from "./queue.ts";
import { openRemovals } from "./removals.ts";
import { eventsFile, type Spool } from "./spool.ts";
import { noteJob, readSubmission, type Submission, takeProcess } from "./submission.ts";
import { keysOf } from "./task.ts";
import { idOf, openWatch, type Process } from "./watch.ts";
import { type Cluster, type Desk, openNotices, type Work } from "./work.ts";

/** What a driver has in the queue. */
export interface Jobs {
  submit(work: Work): void;
  /** What an earlier driver has left of an action. */
  find(key: Key): Place | undefined;
  /** Takes over a process that an earlier driver has submitted, for these actions, unless it is gone without a result. */
  adopt(place: Place, keys: readonly Key[], work: Work): Promise<boolean>;
  /** Ends, or leaves, what goes on; for when the run is interrupted. */
  stop(): Promise<void>;
  /** Resolves when nothing is left to be removed. */
  close(): Promise<void>;
}

interface Found {
  readonly submission: Submission;
  /** `undefined` where nobody answers. */
  readonly entries: readonly QueueEntry[] | undefined;
}

const CANCEL_MS = 15_000;

/** Submits processes as job arrays, finds those of earlier drivers, and follows both. */
export function openJobs(cluster: Cluster): Jobs {
  const { workspace, environment, options, signal, warn } = cluster;
  const removals = openRemovals();
  const desk: Desk = { ...cluster, notices: openNotices(warn), removals };
  const places = openPlaces(workspace);
  const watch = openWatch(desk);
  const found = new Map<string, Promise<Found | undefined>>();
  let stopped = false;

  const arrays = openArrays(desk, {
    prepared: ({ spool }) => places.own(spool),
    submitted(submission, works) {
      for (const [index, work] of works.entries()) {
        if (stopped) {
          if (takeProcess(submission, index)) removals.add(submission.spool.folder);
          work.interrupted();
        } else {
          work.moved({ job: idOf({ submission, index }), state: "queued" });
          watch.follow(submission, index, work);
        }
      }
      // Taken in the moment in which the run was interrupted.
      if (stopped) void ask(environment, "scancel", [`--name=${submission.name}`]);
    },
  });

  const load = async (spool: Spool): Promise<Found | undefined> => {
    const submission = readSubmission(spool);
    if (submission === undefined) return undefined;
    const entries = await readQueue(environment, [submission.name]);
    if (entries?.[0] !== undefined) noteJob(submission, entries[0].job);
    return { submission, entries };
  };

  const cancel = async (processes: readonly Process[]): Promise<void> => {
    const submissions = [...new Set(processes.map(({ submission }) => submission))];
    const names = submissions.map(({ name }) => name);
    for (const submission of submissions) {
      const own = processes.filter((process) => process.submission === submission);
      const indices = new Set(own.map(({ index }) => index));
      // All of an array in one request, where all of it is ours.
      const whole = [...submission.left].every((index) => indices.has(index));
      await ask(environment, "scancel", whole ? [`--name=${submission.name}`] : own.map(idOf));
    }
    const until = performance.now() + CANCEL_MS;
    // They may be writing what `resume: true` keeps.
    for (;;) {
      const entries = await readQueue(environment, names);
      if (entries?.every(({ state }) => isOver(state)) !== false || performance.now() > until) break;
      await sleep(300);
    }
    for (const process of processes) watch.hear(process);
  };

  return {
    submit: arrays.add,
    find: places.find,
    async adopt({ spool, index }, keys, work) {
      const loading = found.get(spool.id) ?? load(spool);
      found.set(spool.id, loading);
      const there = await loading;
      for (const key of keys) places.forget(key);
      if (there === undefined) return false;
      const { submission, entries } = there;
      const done = settledIn(openEvents(eventsFile(spool, index)).read());
      const entry = entries?.find((each) => each.index === index);
      const isAlive = entries === undefined || (entry !== undefined && !isOver(entry.state));
      if (!isAlive && done.size < keysOf(work.task).length) {
        const others = [...watch.open].some((other) => other.submission === submission && other.index === index);
        if (!others && takeProcess(submission, index)) removals.add(spool.folder);
        return false;
      }
      work.moved({ job: idOf({ submission, index }), state: "found" });
      watch.follow(submission, index, work);
      return true;
    },
    async stop() {
      stopped = true;
      watch.stop();
      arrays.dismiss();
      const processes = [...watch.open];
      // A lost terminal is nobody's wish.
      const leaves = options.onInterrupt === "leave" || (signal.reason as Error | undefined)?.message === "SIGHUP";
      if (processes.length > 0 && leaves)
        warn(`${processes.length} jobs go on in Slurm; the next run takes their results`);
      else if (processes.length > 0) await cancel(processes);
      for (const process of processes) {
        if (!watch.open.has(process)) continue;
        watch.drop(process, leaves);
        process.work.interrupted();
      }
    },
    close: removals.done,
  };
}
