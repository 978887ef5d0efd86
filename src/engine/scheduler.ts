import type { InstanceName } from "./plan.ts";

/** One instance, as the scheduler sees it. */
export interface Task {
  readonly name: InstanceName;
  readonly producers: readonly InstanceName[];
  /** How long it is expected to take, in seconds. */
  readonly seconds: number;
}

/** What is needed: nothing more; a restore; an execution, which takes one of the `--jobs`. */
export type Need = "nothing" | "restore" | "execution" | "failed";

/** `again`: look again; with a promise, not before that. */
export type Performed = "done" | "failed" | "interrupted" | { readonly again: Promise<void> | undefined };

export interface Work {
  /** Called once all producers are done; answers at once where it can. */
  examine(name: InstanceName): Need | Promise<Need>;
  /** `parallel`: how many executions go on or could start at this moment, this one included. */
  perform(name: InstanceName, need: "restore" | "execution", parallel: number): Promise<Performed>;
  skipped(name: InstanceName, because: InstanceName | "interrupted"): void;
}

export interface Schedule {
  readonly tasks: readonly Task[];
  readonly jobs: number;
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

/**
 * Does every task after its producers, as many executions at a time as there are jobs: first the one on which the longest
 * chain of work hangs. Resolves when each task is done, failed or skipped.
 */
export function schedule({ tasks, jobs, keepGoing, signal }: Schedule, work: Work): Promise<void> {
  const names = new Set(tasks.map(({ name }) => name));
  const state = new Map<InstanceName, State>(tasks.map(({ name }) => [name, "waiting"]));
  const consumers = new Map<InstanceName, InstanceName[]>(tasks.map(({ name }) => [name, []]));
  const missing = new Map<InstanceName, number>();
  for (const { name, producers } of tasks) {
    const inside = producers.filter((producer) => names.has(producer));
    missing.set(name, inside.length);
    for (const producer of inside) consumers.get(producer)!.push(name);
  }
  const priority = criticalPaths(tasks, consumers);
  const ready = tasks.filter(({ name }) => missing.get(name) === 0).map(({ name }) => name);
  const queues = { restore: queueBy(priority), execution: queueBy(priority) };
  const running = { restore: 0, execution: 0 };
  const limits = { restore: Math.max(jobs, RESTORES), execution: Math.max(1, jobs) };
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
    const start = (name: InstanceName, need: "restore" | "execution"): void => {
      state.set(name, "performing");
      running[need]++;
      work
        .perform(name, need, Math.min(limits.execution, running.execution + queues.execution.size()))
        .then((performed) => {
          running[need]--;
          if (performed === "done" || performed === "failed") enter(name, performed);
          else if (performed === "interrupted") skip(name, "interrupted");
          else if (performed.again === undefined) ready.push(name);
          else {
            // Another process is at it: the slot goes to somebody else meanwhile.
            state.set(name, "examining");
            performed.again
              .then(() => {
                if (state.get(name) === "examining") ready.push(name);
              })
              .then(drain, reject);
          }
        })
        .then(drain, reject);
    };

    const drain = (): void => {
      if (draining) return;
      draining = true;
      for (let name = ready.shift(); name !== undefined; name = ready.shift()) {
        if (signal.aborted) skip(name, "interrupted");
        else look(name);
      }
      if (signal.aborted) stopped = "interrupted";
      for (const need of ["restore", "execution"] as const) {
        while (queues[need].size() > 0 && (stopped !== undefined || running[need] < limits[need])) {
          const name = queues[need].pop()!;
          if (stopped === undefined) start(name, need);
          else skip(name, stopped);
        }
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
function queueBy(priority: ReadonlyMap<InstanceName, number>): {
  push(name: InstanceName): void;
  pop(): InstanceName | undefined;
  size(): number;
} {
  const sorted: InstanceName[] = []; // lowest first: popping is cheap
  return {
    push(name) {
      const own = priority.get(name)!;
      let low = 0;
      let high = sorted.length;
      while (low < high) {
        const middle = (low + high) >>> 1;
        if (priority.get(sorted[middle]!)! < own) low = middle + 1;
        else high = middle;
      }
      sorted.splice(low, 0, name);
    },
    pop: () => sorted.pop(),
    size: () => sorted.length,
  };
}
