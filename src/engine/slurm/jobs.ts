import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { Environment } from "../environment.ts";
import type { SlurmOptions } from "../plan.ts";
import type { JobEnd } from "./end.ts";
import { type EventReader, openEvents } from "./events.ts";
import { endedState, isOver, isTrouble, type QueueEntry, readQueue } from "./queue.ts";
import { ask, exportFlag, submit } from "./sbatch.ts";
import {
  commonFile,
  eventsFile,
  forgetKey,
  jobFile,
  makeSpool,
  notePlace,
  openSpool,
  outputFile,
  type Place,
  removeSpool,
  removeTask,
  type Spool,
  scriptFile,
  taskFile,
} from "./spool.ts";
import type { Common, Task, TaskEvent } from "./task.ts";

/** Where a job is, as `job` events tell it. */
export interface JobState {
  readonly job: string;
  readonly state: "queued" | "running" | "requeued" | "found";
  readonly node?: string;
}

/** One process for the cluster, and who is told what becomes of it. */
export interface Work {
  readonly stage: string;
  /** Works of a stage with equal flags can be one array. */
  readonly flags: readonly string[];
  readonly common: Common;
  readonly task: Task;
  /** `at`: where the process has its files. */
  on(event: TaskEvent, at: { readonly spool: Spool; readonly index: number }): void;
  moved(state: JobState): void;
  /** Once, last: `undefined` where it has told everything. */
  ended(end: JobEnd | undefined): void;
  /** Instead of that: the run was interrupted. */
  interrupted(): void;
}

export interface Jobs {
  submit(work: Work): void;
  /** Takes over a process that an earlier driver has submitted, unless it is gone without a result. */
  adopt(place: Place, work: Work): Promise<boolean>;
  /** Ends, or leaves, what goes on; for when the run is interrupted. */
  stop(): Promise<void>;
}

export interface Cluster {
  readonly workspace: string;
  readonly environment: Environment;
  readonly options: SlurmOptions;
  readonly signal: AbortSignal;
  readonly warn: (message: string) => void;
  /** For what explains mistakes of stages: all instances with their outs, as JSON. */
  readonly outs: () => string;
}

interface Process {
  readonly submission: Submission;
  readonly index: number;
  readonly work: Work;
  readonly events: EventReader;
  running: boolean;
  /** When the queue first said that it is over, on this process's clock. */
  over: number | undefined;
  /** How many times in a row the queue did not have it. */
  missing: number;
}

interface Submission {
  readonly spool: Spool;
  readonly name: string;
  readonly stage: string;
  job: string | undefined;
}

/** An array is submitted when nothing has come to it for so long; a stage's ready instances come within milliseconds. */
const GATHERING_MS = 60;
const LONGEST_GATHERING_MS = 1000;
const TICK_MS = 100;
/** Looking at files takes no more than a fifth of the time. */
const PAUSE = 5;
/** A job that went well has told so: a network file system may show it this much later. */
const LATE_MS = 60_000;
/** A job that is put back is preempted, or failed with its node, for a moment before it waits again. */
const REQUEUE_MS = 900;
const CANCEL_MS = 15_000;
const TAIL = 20;

/** Submits processes as job arrays, reads what they tell, and asks the queue about those that tell nothing. */
export function openJobs({ workspace, environment, options, signal, warn, outs }: Cluster): Jobs {
  const open = new Set<Process>();
  const groups = new Map<string, { works: Work[]; readonly since: number; last: number }>();
  const known = new Map<string, Promise<{ submission: Submission; entries: readonly QueueEntry[] | undefined }>>();
  const told = new Set<string>();
  let polled = performance.now();
  let soon = false;
  let ticking = false;
  let pumping = false;
  let stopped = false;
  let script: string | undefined;

  const once = (id: string, message: string): void => {
    if (!told.has(id)) warn(message);
    told.add(id);
  };

  /** It is over, one way or the other. */
  const finish = (process: Process, end: JobEnd | undefined): void => {
    if (!open.delete(process)) return;
    const { submission, index, work } = process;
    const { spool } = submission;
    for (const key of keysOf(work.task)) forgetKey(workspace, key, spool);
    work.ended(end);
    if (![...open].some((other) => other.submission === submission && other.index === index)) removeTask(spool, index);
    if (isEmpty(spool)) removeSpool(spool);
  };
  const hear = (process: Process): void => {
    try {
      listen(process);
    } catch (error) {
      finish(process, crashOf(error));
    }
  };
  const listen = (process: Process): void => {
    for (const event of process.events.read()) {
      if (!open.has(process)) return;
      const { work, index } = process;
      const at = { spool: process.submission.spool, index };
      if (event.type === "over") finish(process, undefined);
      else if (event.type === "began") {
        const { job, node } = event;
        if (process.running) work.moved({ job, state: "requeued" });
        process.running = true;
        process.over = undefined;
        work.moved({ job, state: "running", node });
        work.on(event, at);
      } else work.on(event, at);
    }
  };
  const endOf = ({ submission, index }: Process, state: string, node: string): JobEnd => ({
    state,
    job: `${submission.job ?? submission.name}_${index}`,
    node,
    output: tailOf(outputFile(submission.spool, index)),
  });

  const judge = async (process: Process, entry: QueueEntry | undefined): Promise<void> => {
    const { submission, index, work } = process;
    if (entry === undefined) {
      if (++process.missing < 2) {
        soon = true;
        return;
      }
      hear(process);
      if (!open.has(process)) return;
      const end = submission.job === undefined ? undefined : await endedState(environment, submission.job, index);
      finish(process, endOf(process, end?.state ?? "LOST", end?.node ?? ""));
      return;
    }
    process.missing = 0;
    if (submission.job === undefined) noteJob(submission, entry.job);
    if (isOver(entry.state)) {
      process.over ??= performance.now();
      soon = true;
      const patience = entry.state === "COMPLETED" ? LATE_MS : REQUEUE_MS;
      // What it told before it ended comes first.
      hear(process);
      if (open.has(process) && performance.now() - process.over > patience)
        finish(process, endOf(process, entry.state, entry.node));
      return;
    }
    process.over = undefined;
    const waits = /^(PENDING|REQUEUE|SPECIAL_EXIT)/.test(entry.state);
    if (waits && process.running) {
      process.running = false;
      work.moved({ job: `${entry.job}_${index}`, state: "requeued" });
    }
    if (waits && isTrouble(entry.reason)) {
      const what = `jobs of ${work.stage} wait in the queue of Slurm: ${entry.reason}`;
      once(`${work.stage} ${entry.reason}`, `${what} (job ${entry.job}); look at \`squeue\` and \`sinfo\``);
    }
  };
  const poll = async (): Promise<void> => {
    const names = [...new Set([...open].map(({ submission }) => submission.name))];
    soon = false;
    const entries = await readQueue(environment, names);
    polled = performance.now();
    if (entries === undefined) {
      once("silent", "squeue does not answer; it is asked again until it does");
      return;
    }
    told.delete("silent");
    const at = new Map(entries.map((entry) => [`${entry.name} ${entry.index}`, entry]));
    for (const process of [...open]) {
      if (!names.includes(process.submission.name)) continue;
      await judge(process, at.get(`${process.submission.name} ${process.index}`));
    }
  };
  const tick = async (): Promise<void> => {
    if (ticking) return;
    ticking = true;
    try {
      while (open.size > 0 && !stopped) {
        const began = performance.now();
        for (const process of [...open]) hear(process);
        const took = performance.now() - began;
        const wait = soon ? Math.min(1000, options.poll * 1000) : options.poll * 1000;
        if (open.size > 0 && performance.now() - polled >= wait) await poll();
        await sleep(Math.max(TICK_MS, PAUSE * took));
      }
    } finally {
      ticking = false;
    }
  };
  const follow = (process: Process): void => {
    // The first look is a whole pause away: whoever has just been taken is not in trouble.
    if (open.size === 0) polled = performance.now();
    open.add(process);
    void tick();
  };

  /** One array. What is not taken has left nothing behind. */
  const submitArray = async (works: readonly Work[]): Promise<"submitted" | "full"> => {
    const spool = openSpool(workspace);
    const { stage, flags, common } = works[0]!;
    const submission: Submission = { spool, name: nameOf(stage, spool), stage, job: undefined };
    makeSpool(spool);
    writeFileSync(commonFile(spool), JSON.stringify({ ...common, stage }), { mode: 0o600 });
    writeFileSync(`${spool.folder}/outs.json`, outs());
    script ??= scriptOf(common.build.folder, options.setup);
    writeFileSync(
      scriptFile(spool),
      script.replace("FOLDER", () => quote(spool.folder)),
    );
    works.forEach(({ task }, index) => {
      writeFileSync(taskFile(spool, index), JSON.stringify(task), { mode: 0o600 });
      writeFileSync(eventsFile(spool, index), "");
      for (const [member, key] of keysOf(task).entries()) notePlace(workspace, key, { id: spool.id, index, member });
    });
    const size = works.length === 1 ? "" : ` and ${works.length - 1} more`;
    const answer = await submit(
      environment,
      workspace,
      [
        "--parsable",
        `--job-name=${submission.name}`,
        `--comment=pipeline ${workspace}: ${titleOf(works[0]!)}${size}`,
        `--array=0-${works.length - 1}`,
        `--output=${outputFile(spool, 0).replace(/0$/, "%a")}`,
        "--open-mode=append",
        "--requeue",
        `--chdir=${workspace}`,
        exportFlag(environment),
        ...flags,
        scriptFile(spool),
      ],
      signal,
    );
    let job = answer.type === "submitted" ? answer.job : undefined;
    if (answer.type === "full") {
      // It was ended while it waited, or nobody answered: it may have been taken all the same.
      job = (await readQueue(environment, [submission.name]))?.[0]?.job;
    }
    if (job !== undefined) {
      noteJob(submission, job);
      works.forEach((work, index) => {
        follow({
          submission,
          index,
          work,
          events: openEvents(eventsFile(spool, index)),
          running: false,
          over: undefined,
          missing: 0,
        });
        work.moved({ job: `${job}_${index}`, state: "queued" });
      });
      return "submitted";
    }
    for (const { task } of works) for (const key of keysOf(task)) forgetKey(workspace, key, spool);
    removeSpool(spool);
    if (answer.type === "full") {
      once("full", `Slurm takes no more jobs for now: ${answer.message}; the rest of ${stage} waits`);
      return "full";
    }
    const message = answer.type === "refused" ? answer.message : "";
    for (const work of works) work.ended({ state: "REFUSED", job: message, node: "", output: [] });
    return "submitted";
  };
  /** Submits what has gathered, group by group, in arrays that shrink while the queue is full. */
  const pump = async (): Promise<void> => {
    if (pumping) return;
    pumping = true;
    let size = options.array;
    try {
      while (groups.size > 0 && !signal.aborted) {
        const now = performance.now();
        const ripe = [...groups].find(
          ([, { works, since, last }]) =>
            works.length >= options.array || now - last >= GATHERING_MS || now - since >= LONGEST_GATHERING_MS,
        );
        if (ripe === undefined) {
          await sleep(GATHERING_MS / 3);
          continue;
        }
        const [key, group] = ripe;
        const works = group.works.splice(0, size);
        if (group.works.length === 0) groups.delete(key);
        const answer = await submitArray(works).catch((error: unknown) => {
          for (const work of works) work.ended(crashOf(error));
          return "submitted";
        });
        if (answer === "submitted") {
          size = Math.min(options.array, size * 2);
          continue;
        }
        if (signal.aborted) for (const work of works) work.interrupted();
        else if (groups.has(key)) groups.get(key)!.works.unshift(...works);
        else groups.set(key, { works: [...works], since: now, last: now - GATHERING_MS });
        const full = works.length === 1;
        size = Math.max(1, Math.floor(works.length / 2));
        if (full) await sleep(options.poll * 1000, undefined, { signal }).catch(() => undefined);
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

  const load = async (id: string): Promise<{ submission: Submission; entries: readonly QueueEntry[] | undefined }> => {
    const spool = openSpool(workspace, id);
    const { stage } = JSON.parse(readFileSync(commonFile(spool), "utf8")) as Common & { readonly stage: string };
    const name = nameOf(stage, spool);
    const entries = await readQueue(environment, [name]);
    const job = entries?.[0]?.job ?? jobIn(spool);
    return { submission: { spool, name, stage, job }, entries };
  };

  return {
    submit(work) {
      const key = JSON.stringify([work.stage, work.flags]);
      const now = performance.now();
      const group = groups.get(key) ?? { works: [], since: now, last: now };
      group.works.push(work);
      group.last = now;
      groups.set(key, group);
      void pump();
    },
    async adopt(place, work) {
      let found = known.get(place.id);
      if (found === undefined) {
        found = load(place.id);
        known.set(place.id, found);
      }
      const { submission, entries } = await found.catch(() => ({ submission: undefined, entries: undefined }));
      if (submission === undefined) return false;
      const { index } = place;
      const file = eventsFile(submission.spool, index);
      const events = openEvents(file).read();
      const wanted = work.task.type === "actions" ? work.task.members.length : 0;
      const done = new Set(events.flatMap((event) => (event.type === "settled" ? [event.member] : [])));
      const entry = entries?.find((each) => each.index === index);
      const isAlive = entries === undefined || (entry !== undefined && !isOver(entry.state));
      if (!isAlive && done.size < wanted) {
        for (const key of keysOf(work.task)) forgetKey(workspace, key, submission.spool);
        if (![...open].some((other) => other.submission === submission && other.index === index))
          removeTask(submission.spool, index);
        if (isEmpty(submission.spool)) removeSpool(submission.spool);
        return false;
      }
      work.moved({ job: `${submission.job ?? submission.name}_${index}`, state: "found" });
      follow({ submission, index, work, events: openEvents(file), running: false, over: undefined, missing: 0 });
      return true;
    },
    async stop() {
      stopped = true;
      dismiss();
      const processes = [...open];
      // A lost terminal is nobody's wish.
      const leaves = options.onInterrupt === "leave" || (signal.reason as Error | undefined)?.message === "SIGHUP";
      if (processes.length > 0 && leaves) {
        warn(`${processes.length} jobs go on in Slurm; the next run takes their results`);
      } else if (processes.length > 0) {
        const ids = processes.flatMap(({ submission: { job }, index }) =>
          job === undefined ? [] : [`${job}_${index}`],
        );
        const names = [...new Set(processes.map(({ submission }) => submission.name))];
        // All of an array in one request, where all of it is ours.
        const whole = names.filter((name) =>
          processes.some(({ submission }) => submission.name === name && isOurs(submission, processes)),
        );
        const rest = ids.filter((_, at) => !whole.includes(processes[at]!.submission.name));
        for (const name of whole) await ask(environment, "scancel", [`--name=${name}`]);
        if (rest.length > 0) await ask(environment, "scancel", rest);
        const until = performance.now() + CANCEL_MS;
        // They may be writing what `resume: true` keeps.
        for (;;) {
          const entries = await readQueue(environment, names);
          if (entries?.every(({ state }) => isOver(state)) !== false || performance.now() > until) break;
          await sleep(300);
        }
        for (const process of processes) hear(process);
      }
      for (const process of [...open]) {
        open.delete(process);
        const { submission, index, work } = process;
        if (!leaves) {
          for (const key of keysOf(work.task)) forgetKey(workspace, key, submission.spool);
          removeTask(submission.spool, index);
          if (isEmpty(submission.spool)) removeSpool(submission.spool);
        }
        work.interrupted();
      }
    },
  };
}

function isOurs({ spool }: Submission, processes: readonly Process[]): boolean {
  const ours = new Set(
    processes.filter(({ submission }) => submission.spool.id === spool.id).map(({ index }) => index),
  );
  return tasksIn(spool).every((index) => ours.has(index));
}

function tasksIn({ folder }: Spool): number[] {
  try {
    return readdirSync(`${folder}/tasks`).map((name) => Number.parseInt(name, 10));
  } catch {
    return [];
  }
}

function isEmpty(spool: Spool): boolean {
  return tasksIn(spool).length === 0;
}

function keysOf(task: Task): readonly Parameters<typeof forgetKey>[1][] {
  return task.type === "actions" ? task.members.map(({ key }) => key) : [];
}

function titleOf({ task, stage }: Work): string {
  return task.type === "actions" ? task.members[0]!.instance.name : stage;
}

/** How people see it in the queue, and how the next driver finds it. */
function nameOf(stage: string, { id }: Spool): string {
  return `${stage}.${id}`;
}

function noteJob(submission: Submission, job: string): void {
  submission.job = job;
  writeFileSync(jobFile(submission.spool), job);
}

function jobIn(spool: Spool): string | undefined {
  try {
    return readFileSync(jobFile(spool), "utf8");
  } catch {
    return undefined;
  }
}

function tailOf(file: string): readonly string[] {
  try {
    return readFileSync(file, "utf8").trimEnd().split("\n").slice(-TAIL).filter(Boolean);
  } catch {
    return [];
  }
}

function crashOf(error: unknown): JobEnd {
  return { state: "TROUBLE", job: error instanceof Error ? error.message : String(error), node: "", output: [] };
}

function scriptOf(build: string, setup: string | undefined): string {
  const program = [process.execPath, `${build}/worker.cjs`].map(quote).join(" ");
  return `#!/bin/bash\n${setup === undefined ? "" : `${setup}\n`}exec ${program} FOLDER\n`;
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
