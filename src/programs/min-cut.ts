/** A directed graph with capacities, for `minCut`. Nodes are small integers, made by `addNode`. */
export interface FlowGraph {
  /** Targets and residual capacities, edge 2i and its reverse 2i + 1 side by side. */
  readonly targets: number[];
  readonly capacities: number[];
  /** Edges that leave each node. */
  readonly leaving: number[][];
}

export function createFlowGraph(): FlowGraph {
  return { targets: [], capacities: [], leaving: [] };
}

export function addNode({ leaving }: FlowGraph): number {
  leaving.push([]);
  return leaving.length - 1;
}

export function addEdge({ targets, capacities, leaving }: FlowGraph, from: number, to: number, capacity: number): void {
  leaving[from]!.push(targets.length);
  targets.push(to);
  capacities.push(capacity);
  leaving[to]!.push(targets.length);
  targets.push(from);
  capacities.push(0);
}

/**
 * Dinic's algorithm (1970). Returns for each node whether it lies on the sink's side of a minimum cut, of the one that is
 * nearest to the sink. Some cut must be finite. Uses the graph up.
 */
export function minCut(graph: FlowGraph, source: number, sink: number): boolean[] {
  for (;;) {
    const levels = levelsFrom(graph, source);
    if (levels[sink]! < 0) return canReach(graph, sink);
    augment(graph, source, sink, levels);
  }
}

function levelsFrom({ targets, capacities, leaving }: FlowGraph, source: number): Int32Array {
  const levels = new Int32Array(leaving.length).fill(-1);
  levels[source] = 0;
  const queue = [source];
  for (let head = 0; head < queue.length; head++) {
    const node = queue[head]!;
    for (const edge of leaving[node]!) {
      const next = targets[edge]!;
      if (capacities[edge]! <= 0 || levels[next]! >= 0) continue;
      levels[next] = levels[node]! + 1;
      queue.push(next);
    }
  }
  return levels;
}

/** A blocking flow along increasing levels, path by path. An explicit stack: programs are thousands of equations deep. */
function augment({ targets, capacities, leaving }: FlowGraph, source: number, sink: number, levels: Int32Array): void {
  const nextEdge = new Int32Array(leaving.length);
  const path: number[] = [];
  let node = source;
  for (;;) {
    if (node === sink) {
      const flow = path.reduce((least, edge) => Math.min(least, capacities[edge]!), Number.POSITIVE_INFINITY);
      let cut = path.length;
      path.forEach((edge, i) => {
        capacities[edge]! -= flow;
        capacities[edge ^ 1]! += flow;
        if (capacities[edge]! <= 0 && i < cut) cut = i;
      });
      // Back to where the path is saturated first.
      path.length = cut;
      node = cut === 0 ? source : targets[path[cut - 1]!]!;
      continue;
    }
    const edges = leaving[node]!;
    let advanced = false;
    for (; nextEdge[node]! < edges.length; nextEdge[node]!++) {
      const edge = edges[nextEdge[node]!]!;
      if (capacities[edge]! <= 0 || levels[targets[edge]!] !== levels[node]! + 1) continue;
      path.push(edge);
      node = targets[edge]!;
      advanced = true;
      break;
    }
    if (advanced) continue;
    const last = path.pop();
    if (last === undefined) return;
    levels[node] = -1;
    node = targets[last ^ 1]!;
  }
}

function canReach({ targets, capacities, leaving }: FlowGraph, sink: number): boolean[] {
  const reaches = new Array<boolean>(leaving.length).fill(false);
  reaches[sink] = true;
  const queue = [sink];
  for (let head = 0; head < queue.length; head++)
    for (const edge of leaving[queue[head]!]!) {
      // The edge's reverse leads here.
      const from = targets[edge]!;
      if (reaches[from] || capacities[edge ^ 1]! <= 0) continue;
      reaches[from] = true;
      queue.push(from);
    }
  return reaches;
}
