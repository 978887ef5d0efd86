import type { InstanceName } from "../plan/plan.ts";
import { type Budget, type Claims, type Grant, openPool } from "../plan/resources.ts";
import { criticalPaths, nextOf, queueBy } from "./queue.ts";
import type { Task } from "./task.ts";

/** What is needed: nothing more; a restore; an execution, which takes some of the budget. */
export type Need = "nothing" | "restore" | "execution" | "failed" | Redo;

/** Results of producers are not to be had any more: they are looked at again, then this one. */
export interface Redo {
  readonly redo: readonly InstanceName[];
}

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
  /** Something that executions wait for is in the hands of another process, told once each. */
  elsewhere?(what: string, holder: string): void;
  /** Called after each step with what is known then: whether a task is over, or is being looked at still. */
  stepped?(states: ReadonlyMap<InstanceName, State>): void;
}

export interface Schedule {
  readonly tasks: readonly Task[];
  readonly jobs: number;
  /** What executions share; as many cpus as there are jobs, and nothing else, unless given. */
  readonly budget?: Budget;
  /** What is shared with other processes of the machine. */
  readonly claims?: Claims | undefined;
  /** Restores at a time, where that is not as many as jobs. */
  readonly restores?: number | undefined;
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
 *
 * and, where a result turns out to be lost, back: `done` of the producer and `examining` of the consumer to waiting.
 */
export type State = "waiting" | "examining" | "queued" | "performing" | "done" | "failed" | "skipped";

const RESTORES = 4;
/**
 * So long a process is held back after its newest member came, while more of its kind wait for nothing but what is running.
 * It is about what starting a process costs: whoever waits so long for one start less loses no more than that start.
 */
const GATHERING_MS = 300;
/** How often to look whether another process has let go. */
const ELSEWHERE_MS = 200;
const NOTHING: Grant = { cpu: 0, memory: undefined, gpus: [] };

/**
 * Does every task after its producers, as many executions at a time as the budget has room for: first the one on which
 * the longest chain of work hangs. While that one waits for room, others may start that take nothing it lacks. A process
 * that several tasks share is held back for a moment while more of them are about to be ready. Resolves when each task is
 * done, failed or skipped.
 */
export function schedule(
  { tasks, jobs, budget, claims, restores, keepGoing, signal }: Schedule,
  work: Work,
): Promise<void> {
  const pool = openPool(budget ?? { cpu: Math.max(1, jobs), memory: Number.POSITIVE_INFINITY, gpus: [] }, claims);
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
  const kinds = new Map<string, Task[]>();
  for (const task of tasks) {
    if (task.together === undefined) continue;
    if (!kinds.has(task.together.key)) kinds.set(task.together.key, []);
    kinds.get(task.together.key)!.push(task);
  }
  /** When the newest of a kind came. */
  const arrivals = new Map<string, number>();
  const told = new Set<string>();
  const mostRestores = restores ?? Math.max(jobs, RESTORES);
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

    /** Back to before its producers were done; those that still are so are done again. */
    const redo = (name: InstanceName, producers: readonly InstanceName[]): void => {
      state.set(name, "waiting");
      for (const producer of producers) {
        if (state.get(producer) !== "done") continue;
        state.set(producer, "waiting");
        open++;
        ready.push(producer);
        // As many as it takes back when it is done again.
        for (const consumer of consumers.get(producer)!) missing.set(consumer, missing.get(consumer)! + 1);
      }
      if (missing.get(name) === 0) ready.push(name);
    };

    const settle = (name: InstanceName, need: Need): void => {
      if (state.get(name) !== "examining") return;
      if (need === "nothing") enter(name, "done");
      else if (need === "failed") enter(name, "failed");
      else if (typeof need === "object") redo(name, need.redo);
      else {
        state.set(name, "queued");
        queues[need].push(name);
        const { together } = taskOf.get(name)!;
        if (together !== undefined) arrivals.set(together.key, performance.now());
      }
    };
    const look = (name: InstanceName): void => {
      state.set(name, "examining");
      const need = work.examine(name);
      if (!(need instanceof Promise)) settle(name, need);
      else need.then((answer) => settle(name, answer)).then(drain, reject);
    };
    const start = (names: readonly InstanceName[], need: "restore" | "execution"): void => {
      const demand = taskOf.get(names[0]!)!.demand;
      const grant = need === "execution" ? pool.take(demand) : NOTHING;
      // Another process has it: it is lacking now.
      if (grant === undefined) return;
      if (need === "execution") queues.execution.remove(names);
      running[need]++;
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

    /** Whether one is about to be queued: it is being looked at, or waits for nothing but what is running. */
    const isComing = ({ name, producers }: Task): boolean => {
      const now = state.get(name);
      if (now !== "waiting") return now === "examining";
      return producers.every((producer) => {
        const other = state.get(producer);
        return other === undefined || other === "done" || other === "performing";
      });
    };
    const holds = (names: readonly InstanceName[]): boolean => {
      const { together } = taskOf.get(names[0]!)!;
      if (together === undefined || alone.has(names[0]!) || names.length >= together.max) return false;
      const left = arrivals.get(together.key)! + GATHERING_MS - performance.now();
      if (left <= 0 || !kinds.get(together.key)!.some(isComing)) return false;
      wake(left);
      return true;
    };
    const company = { taskOf: (name: InstanceName) => taskOf.get(name)!, alone, holds };

    let timer: NodeJS.Timeout | undefined;
    /** Goes on by itself after so long at most, whatever ends before. */
    const wake = (milliseconds: number): void => {
      timer ??= setTimeout(() => {
        timer = undefined;
        pool.recheck();
        drain();
      }, milliseconds);
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
      const next = (): readonly InstanceName[] | undefined => nextOf(queues.execution.list(), pool, company);
      for (let names = next(); names !== undefined; names = next()) start(names, "execution");
      if (pool.elsewhere.size > 0 && queues.execution.size() > 0) wake(ELSEWHERE_MS);
      for (const [what, holder] of pool.elsewhere) {
        if (!told.has(what)) work.elsewhere?.(what, holder);
        told.add(what);
      }
      if (signal.aborted) {
        for (const [name, now] of state) if (now === "waiting" || now === "examining") skip(name, "interrupted");
      }
      draining = false;
      work.stepped?.(state);
      if (open === 0) {
        clearTimeout(timer);
        signal.removeEventListener("abort", drain);
        fulfil();
      }
    };
    signal.addEventListener("abort", drain);
    drain();
  });
}
