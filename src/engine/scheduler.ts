import type { InstanceName, Resources } from "./plan.ts";
import { type Budget, type Grant, namesIn, openPool } from "./resources.ts";

/** One instance, as the scheduler sees it. */
export interface Task {
  readonly name: InstanceName;
  readonly producers: readonly InstanceName[];
  /** How long it is expected to take, in seconds. */
  readonly seconds: number;
  /** What its execution takes of the budget; one cpu unless given. */
  readonly demand?: Resources | undefined;
  /** Executions with the same key may share one process, so many at most; their demands are equal. */
  readonly together?: { readonly key: string; readonly max: number } | undefined;
}

/** What is needed: nothing more; a restore; an execution, which takes some of the budget. */
export type Need = "nothing" | "restore" | "execution" | "failed";

/** `again`: look again; with a promise, not before that; `alone`: it is not to share a process any more. */
export type Performed =
  | "done"
  | "failed"
  | "interrupted"
  | { readonly again: Promise<void> | undefined; readonly alone?: boolean };

/** One process, and what it may use. */
export interface Slot {
  /** The tasks that share it. */
  readonly names: readonly InstanceName[];
  readonly grant: Grant;
  /** How many processes run or could start at this moment, this one included. */
  readonly parallel: number;
}

export interface Work {
  /** Called once all producers are done; answers at once where it can. */
  examine(name: InstanceName): Need | Promise<Need>;
  /** Tasks that share a process get the same slot, all at once. */
  perform(name: InstanceName, need: "restore" | "execution", slot: Slot): Promise<Performed>;
  skipped(name: InstanceName, because: InstanceName | "interrupted"): void;
}

export interface Schedule {
  readonly tasks: readonly Task[];
  readonly jobs: number;
  /** What executions share; as many cpus as there are jobs, and nothing else, unless given. */
  readonly budget?: Budget;
  readonly keepGoing: boolean;
  readonly signal: AbortSignal;
}

/**
 * waiting → examining → queued → performing → done | failed, and skipped from any of the first three:
 *
 *   waiting ──▶ examining ──▶ queued ──▶ performing ──▶ done
 *      │           │ ▲          │          │    │
 *      │           │ └──────────┼──again───┘    └─────▶ failed
 *      └───────────┴────────────┴─────────────────────▶ skipped
 */
type State = "waiting" | "examining" | "queued" | "performing" | "done" | "failed" | "skipped";

const RESTORES = 4;
const NOTHING: Grant = { cpu: 0, memory: undefined, gpus: [] };

/**
 * Does every task after its producers, as many executions at a time as the budget has room for: first the one on which
 * the longest chain of work hangs. While that one waits for room, others may start that take nothing it lacks. Resolves
 * when each task is done, failed or skipped.
 */
export function schedule({ tasks, jobs, budget, keepGoing, signal }: Schedule, work: Work): Promise<void> {
  const pool = openPool(budget ?? { cpu: Math.max(1, jobs), memory: Number.POSITIVE_INFINITY, gpus: [] });
  const taskOf = new Map(tasks.map((task) => [task.name, task]));
  /** Tasks that are not to share a process any more. */
  const alone = new Set<InstanceName>();
  const names = new Set(tasks.map(({ name }) => name));
  const state = new Map<InstanceName, State>(tasks.map(({ name }) => [name, "waiting"]));
  const consumers = new Map<InstanceName, InstanceName[]>(tasks.map(({ name }) => [name, []]));
  const missing = new Map<InstanceName, number>();
  for (const { name, producers } of tasks) {
    const inside = producers.filter((producer) => names.has(producer));
    missing.set(name, inside.length);
    for (const producer of inside) consumers.get(producer)!.push(name);
  }
  // Made when something is queued: mostly nothing is.
  let paths: ReadonlyMap<InstanceName, number> | undefined;
  const priority = (name: InstanceName): number => {
    paths ??= criticalPaths(tasks, consumers);
    return paths.get(name)!;
  };
  const ready = tasks.filter(({ name }) => missing.get(name) === 0).map(({ name }) => name);
  const queues = { restore: queueBy(priority), execution: queueBy(priority) };
  const running = { restore: 0, execution: 0 };
  const mostRestores = Math.max(jobs, RESTORES);
  let open = tasks.length;
  let stopped: InstanceName | "interrupted" | undefined;

  return new Promise((fulfil, reject) => {
    let draining = false;

    const enter = (name: InstanceName, next: "done" | "failed"): void => {
      state.set(name, next);
      open--;
      if (next === "done") {
        for (const consumer of consumers.get(name)!) {
          missing.set(consumer, missing.get(consumer)! - 1);
          if (missing.get(consumer) === 0 && state.get(consumer) === "waiting") ready.push(consumer);
        }
      } else {
        skipConsumers(name, name);
        if (!keepGoing) stopped ??= name;
      }
    };
    const skip = (name: InstanceName, because: InstanceName | "interrupted"): void => {
      const now = state.get(name);
      if (now === "done" || now === "failed" || now === "skipped") return;
      state.set(name, "skipped");
      open--;
      work.skipped(name, because);
      skipConsumers(name, because);
    };
    const skipConsumers = (name: InstanceName, because: InstanceName | "interrupted"): void => {
      for (const consumer of consumers.get(name)!) if (state.get(consumer) === "waiting") skip(consumer, because);
    };

    const settle = (name: InstanceName, need: Need): void => {
      if (state.get(name) !== "examining") return;
      if (need === "nothing") enter(name, "done");
      else if (need === "failed") enter(name, "failed");
      else {
        state.set(name, "queued");
        queues[need].push(name);
      }
    };
    const look = (name: InstanceName): void => {
      state.set(name, "examining");
      const need = work.examine(name);
      if (typeof need === "string") settle(name, need);
      else need.then((answer) => settle(name, answer)).then(drain, reject);
    };
    const start = (names: readonly InstanceName[], need: "restore" | "execution"): void => {
      running[need]++;
      const demand = taskOf.get(names[0]!)!.demand;
      const grant = need === "execution" ? pool.take(demand) : NOTHING;
      const waiting = running.execution + queues.execution.size();
      const slot: Slot = { names, grant, parallel: Math.max(1, Math.min(jobs, waiting)) };
      let left = names.length;
      for (const name of names) state.set(name, "performing");
      for (const name of names) {
        work
          .perform(name, need, slot)
          .then((performed) => {
            if (--left === 0) {
              running[need]--;
              if (need === "execution") pool.free(demand, grant);
            }
            conclude(name, performed);
          })
          .then(drain, reject);
      }
    };
    const conclude = (name: InstanceName, performed: Performed): void => {
      if (performed === "done" || performed === "failed") enter(name, performed);
      else if (performed === "interrupted") skip(name, "interrupted");
      else {
        if (performed.alone === true) alone.add(name);
        if (performed.again === undefined) {
          ready.push(name);
          return;
        }
        // Another process is at it: the slot goes to somebody else meanwhile.
        state.set(name, "examining");
        performed.again
          .then(() => {
            if (state.get(name) === "examining") ready.push(name);
          })
          .then(drain, reject);
      }
    };

    /** The queued tasks that start next, in one process; `undefined` while nothing has room. */
    const next = (): readonly InstanceName[] | undefined => {
      const queue = queues.execution.list();
      // What an earlier one in the order waits for is not taken away by a later one.
      const reserved = new Set<string>();
      for (let at = queue.length - 1; at >= 0 && !reserved.has("cpu"); at--) {
        const task = taskOf.get(queue[at]!)!;
        const lacking = pool.lacking(task.demand);
        for (const name of lacking) reserved.add(name);
        if (lacking.length > 0 || (reserved.size > 0 && namesIn(task.demand).some((name) => reserved.has(name))))
          continue;
        return companyOf(task, queue);
      }
      return undefined;
    };
    /** Those of the queue that start in one process with a task: so many that all processes with room get their share. */
    const companyOf = ({ name, together, demand }: Task, queue: readonly InstanceName[]): readonly InstanceName[] => {
      if (together === undefined || alone.has(name)) return [name];
      const able = queue.filter((other) => taskOf.get(other)!.together?.key === together.key && !alone.has(other));
      const size = Math.min(together.max, Math.ceil(able.length / pool.room(demand, able.length)));
      const processes = Math.ceil(able.length / size);
      // Dealt out like cards, so that each process gets long ones and short ones.
      return able.reverse().filter((_, index) => index % processes === 0);
    };

    const drain = (): void => {
      if (draining) return;
      draining = true;
      for (let name = ready.shift(); name !== undefined; name = ready.shift()) {
        if (signal.aborted) skip(name, "interrupted");
        else look(name);
      }
      if (signal.aborted) stopped = "interrupted";
      if (stopped !== undefined) {
        for (const queue of [queues.restore, queues.execution]) {
          for (let name = queue.pop(); name !== undefined; name = queue.pop()) skip(name, stopped);
        }
      }
      while (queues.restore.size() > 0 && running.restore < mostRestores) start([queues.restore.pop()!], "restore");
      for (let names = next(); names !== undefined; names = next()) {
        queues.execution.remove(names);
        start(names, "execution");
      }
      if (signal.aborted) {
        for (const [name, now] of state) if (now === "waiting" || now === "examining") skip(name, "interrupted");
      }
      draining = false;
      if (open === 0) {
        signal.removeEventListener("abort", drain);
        fulfil();
      }
    };
    signal.addEventListener("abort", drain);
    drain();
  });
}

/** Seconds from the start of each task to the end of the last that hangs on it. Tasks come producers first. */
function criticalPaths(
  tasks: readonly Task[],
  consumers: ReadonlyMap<InstanceName, readonly InstanceName[]>,
): ReadonlyMap<InstanceName, number> {
  const paths = new Map<InstanceName, number>();
  for (const { name, seconds } of [...tasks].reverse()) {
    let longest = 0;
    for (const consumer of consumers.get(name)!) longest = Math.max(longest, paths.get(consumer)!);
    // Something for the depth, so that a chain of quick steps still comes before a single one.
    paths.set(name, longest + seconds + 1e-3);
  }
  return paths;
}

/** A priority queue, highest first; equals in the order of arrival. */
function queueBy(priority: (name: InstanceName) => number): {
  push(name: InstanceName): void;
  pop(): InstanceName | undefined;
  /** The highest last. */
  list(): readonly InstanceName[];
  remove(names: readonly InstanceName[]): void;
  size(): number;
} {
  const sorted: InstanceName[] = []; // lowest first: popping is cheap
  return {
    push(name) {
      const own = priority(name);
      let low = 0;
      let high = sorted.length;
      while (low < high) {
        const middle = (low + high) >>> 1;
        if (priority(sorted[middle]!) < own) low = middle + 1;
        else high = middle;
      }
      sorted.splice(low, 0, name);
    },
    pop: () => sorted.pop(),
    list: () => sorted,
    remove(names) {
      for (const name of names) sorted.splice(sorted.lastIndexOf(name), 1);
    },
    size: () => sorted.length,
  };
}
