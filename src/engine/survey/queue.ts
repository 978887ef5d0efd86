import type { Instance, InstanceName } from "../plan/plan.ts";
import { type Pool, resourceNames } from "../plan/resources.ts";
import type { Task } from "./task.ts";

/** Seconds from the start of each task to the end of the last that hangs on it. Tasks come producers first. */
export function criticalPaths(
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

/** Which instances may share a process with this one. */
export function togetherOf({ stage, resources, batch }: Instance, spreads = true): Task["together"] {
  return batch && { key: JSON.stringify([stage, resources]), max: batch.max, ...(spreads ? {} : { fills: true }) };
}

/** A priority queue, highest first; equals in the order of arrival. */
export interface Queue {
  push(name: InstanceName): void;
  pop(): InstanceName | undefined;
  /** The highest last. */
  list(): readonly InstanceName[];
  remove(names: readonly InstanceName[]): void;
  size(): number;
}

export function queueBy(priority: (name: InstanceName) => number): Queue {
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

/** What decides which tasks share a process. */
export interface Company {
  taskOf(name: InstanceName): Task;
  /** Tasks that are not to share a process any more. */
  readonly alone: ReadonlySet<InstanceName>;
  /** Whether a process of these should wait for more of them. */
  holds(names: readonly InstanceName[]): boolean;
}

/** The queued tasks that start next, in one process; `undefined` while nothing has room. */
export function nextOf(
  queue: readonly InstanceName[],
  pool: Pool,
  company: Company,
): readonly InstanceName[] | undefined {
  // What an earlier one in the order waits for is not taken away by a later one.
  const reserved = new Set<string>();
  // The room of a process that is held back stays free for it.
  const undo: (() => void)[] = [];
  const held = new Set<string>();
  try {
    for (let at = queue.length - 1; at >= 0 && !reserved.has("cpu"); at--) {
      const task = company.taskOf(queue[at]!);
      if (task.together !== undefined && held.has(task.together.key) && !company.alone.has(task.name)) continue;
      const lacking = pool.lacking(task.demand);
      for (const name of lacking) reserved.add(name);
      if (lacking.length > 0 || (reserved.size > 0 && resourceNames(task.demand).some((name) => reserved.has(name))))
        continue;
      const names = companyOf(task, queue, pool, company);
      if (!company.holds(names)) return names;
      held.add(task.together!.key);
      undo.push(pool.setAside(task.demand));
    }
    return undefined;
  } finally {
    for (const back of undo.reverse()) back();
  }
}

/** Those of the queue that start in one process with a task: so many that all processes with room get their share. */
function companyOf(
  { name, together, demand }: Task,
  queue: readonly InstanceName[],
  pool: Pool,
  { taskOf, alone }: Company,
): readonly InstanceName[] {
  if (together === undefined || alone.has(name)) return [name];
  const able = queue.filter((other) => taskOf(other).together?.key === together.key && !alone.has(other));
  const room = together.fills === true ? 1 : pool.room(demand, able.length);
  const size = Math.min(together.max, Math.ceil(able.length / room));
  const processes = Math.ceil(able.length / size);
  // Dealt out like cards, so that each process gets long ones and short ones.
  return able.reverse().filter((_, index) => index % processes === 0);
}
