/** A layered drawing of a graph of stages: places alone, no markup. */
export interface DagNode {
  readonly name: string;
  /** Names of nodes that it reads from. */
  readonly from: readonly string[];
  /** In units of the drawing. */
  readonly width: number;
}

export interface Placed {
  readonly name: string;
  readonly x: number;
  readonly y: number;
  readonly width: number;
}

export interface DagLayout {
  readonly width: number;
  readonly height: number;
  readonly nodes: readonly Placed[];
  /** From the right side of one node to the left side of another, by way of gaps between the nodes of layers between. */
  readonly edges: readonly { readonly from: string; readonly to: string; readonly points: readonly Point[] }[];
}

export type Point = readonly [x: number, y: number];

export const NODE_HEIGHT = 44;
const ROW = 60;
const GAP = 32;

/** A place in a layer: of a node, or of an edge that only passes through it. */
interface Slot {
  readonly id: string;
  readonly node: DagNode | undefined;
}

/**
 * Left to right, each node in the layer after its last producer (Sugiyama, Tagawa and Toda, 1981): long edges get a slot in
 * each layer that they pass, and a few sweeps bring each slot near the mean of its neighbours, so that few edges cross.
 */
export function layoutDag(nodes: readonly DagNode[]): DagLayout {
  const depths = depthsOf(nodes);
  const layers: Slot[][] = [];
  const add = (depth: number, slot: Slot): void => {
    while (layers.length <= depth) layers.push([]);
    layers[depth]!.push(slot);
  };
  /** Neighbours one layer away, both ways. */
  const before = new Map<string, string[]>();
  const after = new Map<string, string[]>();
  const chains: { from: string; to: string; slots: string[] }[] = [];
  for (const node of nodes) add(depths.get(node.name)!, { id: node.name, node });
  for (const { name, from } of nodes) {
    for (const producer of essential(nodes, name, from)) {
      const slots = [producer];
      for (let depth = depths.get(producer)! + 1; depth < depths.get(name)!; depth++) {
        const id = `${producer}>${name}@${depth}`;
        add(depth, { id, node: undefined });
        slots.push(id);
      }
      slots.push(name);
      chains.push({ from: producer, to: name, slots });
      for (const [index, id] of slots.slice(1).entries()) {
        append(before, id, slots[index]!);
        append(after, slots[index]!, id);
      }
    }
  }
  const rows = order(layers, before, after);
  return place(layers, rows, chains);
}

/** Producers that no other producer of the node rests on: an edge that a longer way implies is left out of the drawing. */
function essential(nodes: readonly DagNode[], name: string, from: readonly string[]): string[] {
  const known = new Map(nodes.map((node) => [node.name, node]));
  const implied = new Set<string>();
  const visit = (node: string): void => {
    for (const producer of known.get(node)?.from ?? []) {
      if (implied.has(producer)) continue;
      implied.add(producer);
      visit(producer);
    }
  };
  for (const producer of from) visit(producer);
  return [...new Set(from)].filter((producer) => known.has(producer) && producer !== name && !implied.has(producer));
}

function depthsOf(nodes: readonly DagNode[]): Map<string, number> {
  const known = new Map(nodes.map((node) => [node.name, node]));
  const depths = new Map<string, number>();
  const visit = (name: string): number => {
    const done = depths.get(name);
    if (done !== undefined) return done;
    depths.set(name, 0);
    const depth =
      1 +
      Math.max(
        -1,
        ...known
          .get(name)!
          .from.filter((from) => known.has(from))
          .map(visit),
      );
    depths.set(name, depth);
    return depth;
  };
  for (const { name } of nodes) visit(name);
  return depths;
}

/** The row of each slot: layers are sorted by the mean row of their neighbours, forth and back, and then moved towards it. */
function order(
  layers: Slot[][],
  before: ReadonlyMap<string, string[]>,
  after: ReadonlyMap<string, string[]>,
): Map<string, number> {
  const rows = new Map<string, number>();
  const tallest = Math.max(0, ...layers.map((layer) => layer.length));
  const spread = (layer: readonly Slot[]): void => {
    for (const [index, { id }] of layer.entries()) rows.set(id, index + (tallest - layer.length) / 2);
  };
  for (const layer of layers) spread(layer);
  const mean = (id: string, neighbours: ReadonlyMap<string, string[]>): number => {
    const list = neighbours.get(id) ?? [];
    if (list.length === 0) return rows.get(id)!;
    return list.reduce((sum, other) => sum + rows.get(other)!, 0) / list.length;
  };
  for (let sweep = 0; sweep < 8; sweep++) {
    const forth = sweep % 2 === 0;
    for (const layer of forth ? layers : [...layers].reverse()) {
      const wanted = new Map(layer.map(({ id }) => [id, mean(id, forth ? before : after)]));
      layer.sort((a, b) => wanted.get(a.id)! - wanted.get(b.id)!);
      spread(layer);
    }
  }
  // Now in place within its order: as near to its neighbours as the slots above and below allow, all rows apart by one.
  for (let sweep = 0; sweep < 6; sweep++) {
    for (const layer of layers) {
      const wish = (id: string): number => (mean(id, before) + mean(id, after)) / 2;
      for (const [index, { id }] of layer.entries()) {
        const above = index === 0 ? Number.NEGATIVE_INFINITY : rows.get(layer[index - 1]!.id)! + 1;
        const below = index === layer.length - 1 ? Number.POSITIVE_INFINITY : rows.get(layer[index + 1]!.id)! - 1;
        rows.set(id, Math.max(above, Math.min(below, wish(id))));
      }
    }
  }
  return rows;
}

function place(
  layers: readonly (readonly Slot[])[],
  rows: ReadonlyMap<string, number>,
  chains: readonly { readonly from: string; readonly to: string; readonly slots: readonly string[] }[],
): DagLayout {
  const top = Math.min(0, ...rows.values());
  const y = (id: string): number => (rows.get(id)! - top) * ROW + NODE_HEIGHT / 2 + 2;
  const left = new Map<string, number>();
  const right = new Map<string, number>();
  const nodes: Placed[] = [];
  let x = 2;
  for (const layer of layers) {
    const width = Math.max(0, ...layer.map(({ node }) => node?.width ?? 0));
    for (const { id, node } of layer) {
      left.set(id, x);
      right.set(id, x + (node?.width ?? width));
      if (node !== undefined) nodes.push({ name: id, x, y: y(id) - NODE_HEIGHT / 2, width: node.width });
    }
    x += width + GAP;
  }
  const edges = chains.map(({ from, to, slots }) => ({
    from,
    to,
    points: slots.flatMap((id, index): Point[] => {
      if (index === 0) return [[right.get(id)!, y(id)]];
      if (index === slots.length - 1) return [[left.get(id)!, y(id)]];
      return [
        [left.get(id)!, y(id)],
        [right.get(id)!, y(id)],
      ];
    }),
  }));
  const lowest = Math.max(0, ...[...rows.values()].map((row) => row - top));
  return { width: Math.max(0, x - GAP + 2), height: lowest * ROW + NODE_HEIGHT + 4, nodes, edges };
}

function append(map: Map<string, string[]>, key: string, value: string): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}
