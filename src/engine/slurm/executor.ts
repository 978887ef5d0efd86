import { readdirSync, readFileSync, renameSync, rmSync, statSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import type { ActionEnd, Host, Member } from "../actions/action.ts";
import type { Executor } from "../actions/executor.ts";
import { digestOf } from "../plan/digest.ts";
import type { Failure } from "../plan/event.ts";
import type { PlanFailure } from "../plan/plan-failure.ts";
import { commonOf, isFailure } from "./common.ts";
import { explainJob, type JobEnd } from "./end.ts";
import { forgetClusterFacts } from "./facts.ts";
import { openGpus } from "./gpus.ts";
import { openJobs } from "./jobs.ts";
import { slurmOptionsOf } from "./options.ts";
import type { Place } from "./places.ts";
import { flagsOf, slurmProblem } from "./sbatch.ts";
import { taskFile, workFolder } from "./spool.ts";
import type { Common, Task, TaskAction, TaskEvent } from "./task.ts";
import type { JobState, Work } from "./work.ts";

const TAIL = 20;
/** Failures of a job that are not its members': those are not tried again one by one. */
const OF_THE_JOB = new Set(["cancelled", "io-error", "job-refused", "job-lost", "node-failed", "preempted"]);

/**
 * On a cluster: each process is one task of a job array, on a file system that the nodes share. So many processes at
 * most are in the queue; what one takes, Slurm decides.
 */
export function slurmExecutor(
  host: Host,
  jobs: number,
  signal: AbortSignal,
  warn: (message: string) => void,
): Executor | PlanFailure {
  const { plan, environment } = host;
  const { workspace } = plan;
  const options = slurmOptionsOf(plan);
  const problem = slurmProblem(environment);
  if (problem !== undefined) return problem;
  const gpus = openGpus(plan, options, environment);
  const cluster = openJobs({
    workspace,
    environment,
    options,
    signal,
    warn,
    outs: () => JSON.stringify(plan.instances.map(({ stage, outs }) => ({ stage, outs }))),
  });
  const commons = new Map<string, Promise<Common | Failure>>();
  let stopping: Promise<void> | undefined;
  const stop = (): void => {
    stopping ??= cluster.stop();
  };
  signal.addEventListener("abort", stop);

  const workOf = (members: ReadonlyMap<number, Member>, common: Common, flags: readonly string[], task: Task): Work => {
    const [{ action }] = [...members.values()] as [Member];
    const { instance } = action;
    const waiting = new Map(members);
    let cpu: string | undefined;
    const settle = (index: number, end: ActionEnd): void => {
      const member = waiting.get(index);
      if (member === undefined) return;
      waiting.delete(index);
      if (end.type === "failed" && end.failure.reason === "platform-mismatch" && common.platform !== undefined)
        forgetClusterFacts(host.store, common.platform.name);
      member.settle(end.type === "finished" && cpu !== undefined ? { ...end, cpu } : end);
    };
    return {
      stage: instance.stage,
      flags,
      common,
      task,
      holds: (member) => waiting.has(member),
      on(event: TaskEvent, { spool, index }) {
        if (event.type === "began") cpu = event.cpu;
        else if (event.type === "line") waiting.get(event.member)?.hooks.onLine(event.stream, event.line);
        else if (event.type === "progress") waiting.get(event.member)?.hooks.onProgress(event.progress);
        else if (event.type === "settled") {
          const member = waiting.get(event.member);
          if (member === undefined) return;
          takeOuts(member, workFolder(spool, index, event.start, event.member));
          settle(event.member, event.end);
        }
      },
      moved(state: JobState) {
        for (const { hooks } of waiting.values()) hooks.onJob?.(state);
      },
      ended(end: JobEnd | undefined) {
        const [first, ...others] = waiting;
        if (first === undefined) return;
        const isBatch = members.size > 1;
        const name = isBatch ? `a batch of ${members.size} instances of ${instance.stage}` : instance.name;
        const told = end ?? { state: "COMPLETED", job: "", node: "", began: true, output: [] };
        const output = [...first[1].hooks.tail(), ...told.output].slice(-TAIL);
        const failure = explainJob(name, { ...told, output }, instance.resume === true);
        const isOfTheJob = OF_THE_JOB.has(failure.reason) || (failure.reason === "job-failed" && !told.began);
        if (!isBatch || isOfTheJob) {
          for (const [index] of [first, ...others]) settle(index, { type: "failed", failure });
          return;
        }
        settle(first[0], { type: "unsettled", failure });
        for (const [index] of others) settle(index, { type: "unsettled", failure: undefined });
      },
      interrupted() {
        for (const [index] of [...waiting]) settle(index, { type: "interrupted" });
      },
    };
  };

  /** Those whose jobs an earlier driver has left are followed; the others come back. */
  const adopt = async (members: readonly Member[], commonFor: () => Promise<Common | Failure>): Promise<Member[]> => {
    const fresh: Member[] = [];
    const groups = new Map<
      string,
      { readonly place: Place; readonly task: Task; readonly members: Map<number, Member> }
    >();
    for (const member of members) {
      const place = cluster.find(member.action.key);
      const task = place && taskAt(place);
      if (place === undefined || task?.type !== "actions" || task.stamps[place.member] !== stampOf(workspace, member)) {
        fresh.push(member);
        continue;
      }
      const id = `${place.spool.id} ${place.index}`;
      const group = groups.get(id) ?? { place, task, members: new Map<number, Member>() };
      group.members.set(place.member, member);
      groups.set(id, group);
    }
    for (const { place, task, members: found } of groups.values()) {
      const common = await commonFor();
      const work = isFailure(common) ? undefined : workOf(found, common, [], task);
      const keys = [...found.values()].map(({ action }) => action.key);
      if (work === undefined || !(await cluster.adopt(place, keys, work))) fresh.push(...found.values());
    }
    return fresh;
  };

  return {
    budget: { cpu: Math.max(1, jobs), memory: Number.POSITIVE_INFINITY, gpus: [] },
    demandOf: ({ resources }) => (resources?.mutex === undefined ? undefined : { mutex: resources.mutex }),
    spreads: false,
    async execute(members) {
      const { action } = members[0]!;
      const { instance, code } = action;
      const commonFor = (): Promise<Common | Failure> => {
        const known = commons.get(instance.stage) ?? commonOf(host, instance, code);
        commons.set(instance.stage, known);
        return known;
      };
      const fresh = await adopt(members, commonFor);
      if (fresh.length === 0) return;
      const common = await commonFor();
      if (isFailure(common)) {
        for (const { settle } of fresh) settle({ type: "failed", failure: common });
        return;
      }
      if (signal.aborted) {
        for (const { settle } of fresh) settle({ type: "interrupted" });
        return;
      }
      const devices = await gpus.of(instance);
      const task: Task = {
        type: "actions",
        members: fresh.map(taskOf),
        gpus: devices,
        stamps: fresh.map((member) => stampOf(workspace, member)),
      };
      const flags = flagsOf(instance, fresh.length, devices, options);
      cluster.submit(workOf(new Map(fresh.entries()), common, flags, task));
    },
    async close() {
      signal.removeEventListener("abort", stop);
      await stopping;
      await cluster.close();
    },
  };
}

/** The outs that a job has made, put where the engine looks for them. */
function takeOuts({ action }: Member, folder: string): void {
  const root = dirname(action.temporary);
  for (const out of Object.values(action.outs)) {
    const made = join(folder, relative(root, out));
    try {
      renameSync(made, out);
    } catch (error) {
      // What is not there will be missed.
      if ((error as NodeJS.ErrnoException).code === "ENOENT") continue;
      rmSync(out, { recursive: true, force: true });
      renameSync(made, out);
    }
  }
}

function taskOf({ action }: Member): TaskAction {
  const { temporary, threads: _, grant: __, ...rest } = action;
  const root = dirname(temporary);
  const outs = Object.entries(action.outs).map(([name, path]) => [name, relative(root, path)]);
  return { ...rest, outs: Object.fromEntries(outs) };
}

function taskAt({ spool, index }: Place): Task | undefined {
  try {
    return JSON.parse(readFileSync(taskFile(spool, index), "utf8")) as Task;
  } catch {
    return undefined;
  }
}

/** What `stat` says of all that an action reads: a job that an earlier driver submitted has read just this. */
function stampOf(workspace: string, { action }: Member): string {
  const lines: string[] = [];
  const look = (path: string): void => {
    const stats = statSync(path, { bigint: true, throwIfNoEntry: false });
    if (stats?.isDirectory()) for (const name of readdirSync(path).sort()) look(join(path, name));
    else lines.push(`${path}:${stats === undefined ? "" : `${stats.size}:${stats.mtimeNs}:${stats.ino}`}`);
  };
  for (const { files } of Object.values(action.deps)) for (const { path } of files) look(join(workspace, path));
  return digestOf(lines.join("\n"));
}
