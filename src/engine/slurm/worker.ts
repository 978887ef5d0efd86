import { closeSync, mkdirSync, openSync, readFileSync, writeSync } from "node:fs";
import { hostname } from "node:os";
import { basename, dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Action, ActionEnd, ActionHooks, Host, Member } from "../actions/action.ts";
import { localExecution } from "../actions/executor.ts";
import { openStore, type Store } from "../files/store.ts";
import type { Code, CodeReader } from "../keys/code-digest.ts";
import type { Facts } from "../keys/facts.ts";
import { openPlatformReader } from "../keys/platform.ts";
import { BASE_VARIABLES, type Environment } from "../plan/environment.ts";
import type { Failure } from "../plan/event.ts";
import { budgetOf, processorName } from "../plan/machine.ts";
import type { Plan } from "../plan/plan.ts";
import { isPlanFailure, type PlanFailure } from "../plan/plan-failure.ts";
import { canonical } from "../system/json.ts";
import { openEvents, settledIn } from "./events.ts";
import { removeNow } from "./removals.ts";
import { eventsFile, outsFile, type Spool, taskFile, workFolder } from "./spool.ts";
import type { Common, Task, TaskAction, TaskEvent } from "./task.ts";

const TAIL = 20;

/** What Slurm decides for a job, whatever the driver has. */
const NODE_VARIABLES = ["TMPDIR", "ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ZE_AFFINITY_MASK"];

/**
 * Does one process's work as the local executor does, on a node: the same sandbox, the same host, the same environment.
 * Started again after it was preempted, it does what had not been settled, and goes on from what `resume: true` kept.
 */
export async function work(folder: string, common: Common): Promise<number> {
  const spool: Spool = { id: basename(folder), folder };
  const index = Number(process.env.SLURM_ARRAY_TASK_ID ?? 0);
  const task = JSON.parse(readFileSync(taskFile(spool, index), "utf8")) as Task;
  const { SLURM_ARRAY_JOB_ID, SLURM_JOB_ID = "", SLURMD_NODENAME, SLURM_RESTART_COUNT } = process.env;
  const start = Number(SLURM_RESTART_COUNT ?? 0);
  const settled = settledIn(openEvents(eventsFile(spool, index)).read());
  const file = openSync(eventsFile(spool, index), "a");
  const tell = (event: TaskEvent): void => void writeSync(file, `${JSON.stringify(event)}\n`);
  // A kill may have cut the last line in two.
  writeSync(file, "\n");
  tell({
    type: "began",
    job: SLURM_ARRAY_JOB_ID === undefined ? SLURM_JOB_ID : `${SLURM_ARRAY_JOB_ID}_${index}`,
    node: SLURMD_NODENAME ?? hostname(),
    start,
    cpu: processorName(),
  });

  const stopping = new AbortController();
  // Cancelled, preempted or out of time: Slurm knows which.
  for (const name of ["SIGTERM", "SIGINT"] as const) process.on(name, () => stopping.abort());
  const host = hostOf(workFolder(spool, index, start, "host"), outsFile(spool), common);
  const node = `platforms~${(SLURMD_NODENAME ?? hostname()).replaceAll(/[^\w.-]/g, "~")}`;
  const facts = async (): Promise<Facts | PlanFailure> => {
    const reader = openPlatformReader(host.plan, host.store, host.code, host.environment, stopping.signal, {
      memo: node,
    });
    const answer = await reader.read(common.platform!.name);
    reader.save();
    return answer;
  };
  if (task.type === "probe") tell({ type: "facts", answer: await facts() });
  else {
    const left = task.members
      .map((action, member) => ({ action, member }))
      .filter(({ member }) => !settled.has(member));
    const [first] = left;
    const mismatch = first === undefined ? undefined : await otherFacts(common, first.action, facts);
    if (mismatch !== undefined) {
      for (const { member } of left)
        tell({ type: "settled", member, start, end: { type: "failed", failure: mismatch } });
    } else if (left.length > 0) {
      const pending: Promise<void>[] = [];
      const members = left.map(({ action, member }): Member => {
        // What an earlier start has left is no one's.
        for (let each = 0; each < start; each++) removeNow(workFolder(spool, index, each, member));
        const folder = workFolder(spool, index, start, member);
        const told = (what: MemberEvent): void =>
          tell(what.type === "settled" ? { ...what, member, start } : { ...what, member });
        return memberOf(folder, action, task.gpus, stopping.signal, told, pending);
      });
      await localExecution(host, stopping.signal)(members);
      await Promise.all(pending);
    }
  }
  host.store.close();
  if (stopping.signal.aborted) return 143;
  tell({ type: "over", start });
  closeSync(file);
  return 0;
}

/** The key says what the device is: on another one there would be another result under it. */
async function otherFacts(
  { platform }: Common,
  { instance, facts: expected }: TaskAction,
  read: () => Promise<Facts | PlanFailure>,
): Promise<Failure | undefined> {
  if (platform === undefined || instance.platform === undefined) return undefined;
  const answer = await read();
  const node = process.env.SLURMD_NODENAME ?? hostname();
  if (isPlanFailure(answer)) {
    const { reason, message, remedy } = answer;
    return { reason, message: `on the node ${node}: ${message}`, remedy, output: [] };
  }
  const found = answer;
  if (canonical(found) === canonical(expected)) return undefined;
  const differing = [...new Set([...Object.keys(found), ...Object.keys(expected)])].filter(
    (name) => canonical(found[name] ?? null) !== canonical(expected[name] ?? null),
  );
  const list = differing.map(
    (name) => `${name} is ${JSON.stringify(found[name])}, expected ${JSON.stringify(expected[name])}`,
  );
  return {
    reason: "platform-mismatch",
    message: `the node ${node} is not what ${instance.name}'s key says of \`${platform.name}\`: ${list.join("; ")}`,
    remedy:
      "run again: the cluster is asked anew; where its nodes differ, choose alike ones with `slurm: { constraint: … }`",
    output: [],
  };
}

type MemberEvent =
  | Omit<Extract<TaskEvent, { readonly type: "line" }>, "member">
  | Omit<Extract<TaskEvent, { readonly type: "progress" }>, "member">
  | Omit<Extract<TaskEvent, { readonly type: "settled" }>, "member" | "start">;

/** Slurm ends all processes of a job within this time of one another. */
const TOGETHER_MS = 500;

function memberOf(
  folder: string,
  task: TaskAction,
  gpus: number,
  signal: AbortSignal,
  tell: (event: MemberEvent) => void,
  pending: Promise<void>[],
): Member {
  const temporary = join(folder, "tmp");
  mkdirSync(temporary, { recursive: true });
  const outs = Object.fromEntries(Object.entries(task.outs).map(([name, path]) => [name, join(folder, path)]));
  for (const { name, kind } of task.instance.outs)
    mkdirSync(kind === "directory" ? outs[name]! : dirname(outs[name]!), { recursive: true });
  const { SLURM_CPUS_PER_TASK, SLURM_CPUS_ON_NODE } = process.env;
  const threads = Math.max(1, Number(SLURM_CPUS_PER_TASK ?? SLURM_CPUS_ON_NODE ?? 1));
  const devices = gpus > 0 ? budgetOf(threads, {}, process.env).gpus : [];
  const action: Action = {
    ...task,
    outs,
    temporary,
    threads,
    grant: { cpu: threads, memory: task.instance.resources?.memory, gpus: devices },
  };
  const last: string[] = [];
  const began = performance.now();
  const hooks: ActionHooks = {
    signal,
    onLine(stream, line) {
      last.push(line);
      if (last.length > TAIL) last.shift();
      tell({ type: "line", stream, line });
    },
    onProgress: (progress) => tell({ type: "progress", progress }),
    tail: () => [...last],
  };
  return {
    action,
    hooks,
    settle(end: ActionEnd) {
      // A driver has better to do, and it may be large.
      removeNow(temporary);
      const own = Math.round(performance.now() - began) / 1000;
      const timed = end.type === "finished" || end.type === "failed" ? { ...end, seconds: end.seconds ?? own } : end;
      if (end.type === "finished") return tell({ type: "settled", end: timed });
      // What was being done while the job is ended has not failed by itself, and may hear of it first.
      const told = sleep(TOGETHER_MS, undefined, { signal }).then(
        () => tell({ type: "settled", end: timed }),
        () => undefined,
      );
      pending.push(told);
    },
  };
}

/** What the engine is on a node: nothing is bundled, nothing of the cache is written. */
function hostOf(folder: string, outs: string, common: Common): Host {
  const { workspace, artifacts, modules, platform, trace } = common;
  const store = openStore(workspace);
  let count = 0;
  const scratch: Store["scratch"] = (label) => {
    mkdirSync(folder, { recursive: true });
    return join(folder, `${count++}-${label}`);
  };
  const plan: Plan = {
    workspace,
    profile: "",
    platforms: platform === undefined ? [] : [platform],
    ...(artifacts === undefined ? {} : { artifacts }),
    // Only asked for by what explains a stage's mistake.
    get instances() {
      return JSON.parse(readFileSync(outs, "utf8")) as Plan["instances"];
    },
  };
  const found = (module: string): { readonly code: Code; readonly file: string } | undefined =>
    Object.hasOwn(modules, module) ? modules[module] : undefined;
  const unknown = (module: string): Failure => ({
    reason: "code-error",
    message: `${module} was not handed to the job`,
    remedy: undefined,
    output: [],
  });
  const code: CodeReader = {
    read: async (module) => found(module)?.code ?? unknown(module),
    file: async ({ module }) => found(module)?.file ?? unknown(module),
    sources: () => undefined,
    save: () => undefined,
  };
  return { plan, store: { ...store, scratch }, code, environment: environmentOn(common.environment), trace };
}

/** Where programs, libraries and devices are is the node's; what decides results is the driver's. */
function environmentOn(declared: Environment): Environment {
  const own = [...BASE_VARIABLES, ...NODE_VARIABLES].map((name) => [name, process.env[name]] as const);
  return { ...Object.fromEntries(own), ...declared };
}
