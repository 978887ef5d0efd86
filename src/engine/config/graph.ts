/** Which stages each stage needs, by name. */
export type StageGraph = ReadonlyMap<string, ReadonlySet<string>>;

/** Stages with producers before consumers, else in the order of the graph; those on or behind a cycle are left out. */
export function topologicalOrder(graph: StageGraph): string[] {
  const waiting = new Map([...graph].map(([stage, needs]) => [stage, needs.size]));
  const consumers = new Map<string, string[]>();
  for (const [stage, needs] of graph) {
    for (const need of needs) consumers.set(need, [...(consumers.get(need) ?? []), stage]);
  }
  const rank = new Map([...graph.keys()].map((stage, index) => [stage, index]));
  const order: string[] = [];
  let ready = [...graph.keys()].filter((stage) => waiting.get(stage) === 0);
  while (ready.length > 0) {
    const freed: string[] = [];
    for (const stage of ready) {
      order.push(stage);
      for (const consumer of consumers.get(stage) ?? []) {
        const left = waiting.get(consumer)! - 1;
        waiting.set(consumer, left);
        if (left === 0) freed.push(consumer);
      }
    }
    ready = freed.sort((a, b) => rank.get(a)! - rank.get(b)!);
  }
  return order;
}

/** One shortest cycle, as a closed path `[a, b, a]`, for each group of stages that need each other. */
export function findCycles(graph: StageGraph): string[][] {
  const ordered = new Set(topologicalOrder(graph));
  const cycles: string[][] = [];
  const covered = new Set<string>();
  for (const start of graph.keys()) {
    if (ordered.has(start) || covered.has(start)) continue;
    const cycle = shortestCycle(graph, start);
    // A stage that merely stands behind a cycle is on none.
    if (cycle === undefined || cycle.some((stage) => covered.has(stage))) continue;
    for (const stage of cycle) covered.add(stage);
    cycles.push(cycle);
  }
  return cycles;
}

function shortestCycle(graph: StageGraph, start: string): string[] | undefined {
  const cameFrom = new Map<string, string>();
  let frontier = [start];
  while (frontier.length > 0) {
    const next: string[] = [];
    for (const stage of frontier) {
      for (const need of graph.get(stage) ?? []) {
        if (need === start) {
          const path = [start];
          for (let step: string | undefined = stage; step !== undefined; step = cameFrom.get(step)) path.push(step);
          return path.reverse();
        }
        if (cameFrom.has(need) || !graph.has(need)) continue;
        cameFrom.set(need, stage);
        next.push(need);
      }
    }
    frontier = next;
  }
  return undefined;
}
