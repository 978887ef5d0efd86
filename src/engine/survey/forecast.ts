import type { InstanceName } from "../plan/plan.ts";
import { type Budget, excessOf, openPool } from "../plan/resources.ts";
import { criticalPaths, nextOf, queueBy } from "./queue.ts";
import type { Task } from "./task.ts";

/** A process that runs already. */
export interface Ongoing {
  readonly names: readonly InstanceName[];
  /** Until its end. */
  readonly seconds: number;
}

/**
 * How long these executions take by their tasks' seconds: the schedule, played on a clock of its own. Tasks come producers
 * first; producers that are not among them are done. Those of a process take turns in it.
 */
export function forecastSeconds(tasks: readonly Task[], budget: Budget, ongoing: readonly Ongoing[] = []): number {
  const pool = openPool(budget);
  // What is too much for the machine stops a run; where only a time is asked for, it takes what there is.
  const fitting = tasks.map((task) =>
    excessOf(task.demand, budget, budget.cpu) === undefined ? task : { ...task, demand: undefined },
  );
  const taskOf = new Map(fitting.map((task) => [task.name, task]));
  const consumers = new Map<InstanceName, InstanceName[]>(tasks.map(({ name }) => [name, []]));
  const missing = new Map<InstanceName, number>();
  for (const { name, producers } of tasks) {
    const inside = producers.filter((producer) => taskOf.has(producer));
    missing.set(name, inside.length);
    for (const producer of inside) consumers.get(producer)!.push(name);
  }
  const paths = criticalPaths(fitting, consumers);
  const queue = queueBy((name) => paths.get(name)!);
  const ends: { readonly at: number; readonly names: readonly InstanceName[]; readonly free: () => void }[] = [];
  const company = {
    taskOf: (name: InstanceName) => taskOf.get(name)!,
    alone: new Set<InstanceName>(),
    holds: () => false,
  };
  let now = 0;

  const running = new Set<InstanceName>();
  for (const { names, seconds } of ongoing) {
    const inside = names.filter((name) => taskOf.has(name));
    if (inside.length === 0) continue;
    for (const name of inside) running.add(name);
    const { demand } = taskOf.get(inside[0]!)!;
    ends.push({
      at: seconds,
      names: inside,
      free: pool.lacking(demand).length > 0 ? () => undefined : pool.setAside(demand),
    });
  }
  for (const [name, count] of missing) if (count === 0 && !running.has(name)) queue.push(name);
  for (;;) {
    for (
      let names = nextOf(queue.list(), pool, company);
      names !== undefined;
      names = nextOf(queue.list(), pool, company)
    ) {
      const { demand } = taskOf.get(names[0]!)!;
      const free = pool.setAside(demand);
      queue.remove(names);
      let at = now;
      names.forEach((name, index) => {
        at += taskOf.get(name)!.seconds;
        ends.push({ at, names: [name], free: index === names.length - 1 ? free : () => undefined });
      });
    }
    if (ends.length === 0) return now;
    const first = ends.reduce((earliest, end, index) => (end.at < ends[earliest]!.at ? index : earliest), 0);
    const [end] = ends.splice(first, 1);
    now = Math.max(now, end!.at);
    end!.free();
    for (const name of end!.names) {
      for (const consumer of consumers.get(name)!) {
        missing.set(consumer, missing.get(consumer)! - 1);
        if (missing.get(consumer) === 0) queue.push(consumer);
      }
    }
  }
}
