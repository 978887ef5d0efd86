import type { OnnxNode } from "./model.ts";

/** Which node makes a value, and of which value a value is a view: reshapes copy nothing. */
export interface Flow {
  readonly maker: ReadonlyMap<string, number>;
  /** The value whose memory a value lies in. */
  rootOf(value: string): string;
  isView(node: OnnxNode): boolean;
}

export function flowOf(nodes: readonly OnnxNode[]): Flow {
  const maker = new Map<string, number>();
  nodes.forEach((node, i) => {
    for (const output of node.outputs) maker.set(output, i);
  });
  const rootOf = (value: string): string => {
    let root = value;
    for (;;) {
      const node = nodes[maker.get(root) ?? -1];
      if (node === undefined || !isView(node)) return root;
      root = node.inputs[0]!;
    }
  };
  return { maker, rootOf, isView };
}

const isView = ({ op }: OnnxNode): boolean => op === "Reshape" || op === "Identity";

/**
 * The order in which ONNX Runtime executes a graph whose nodes are listed in this one, as indices: depth first from the
 * nodes that nothing reads, and of those and of a node's inputs the one that is listed last comes first.
 */
export function executionOrder(nodes: readonly OnnxNode[]): number[] {
  const { maker } = flowOf(nodes);
  const operands = nodes.map(({ inputs }) => {
    const makers = inputs.map((input) => maker.get(input)).filter((i) => i !== undefined);
    return [...new Set(makers)].sort((a, b) => a - b);
  });
  const read = new Set(operands.flat());
  const stack = nodes.flatMap((_, i) => (read.has(i) ? [] : [{ i, entered: false }]));
  const entered = new Set<number>();
  const order: number[] = [];
  for (let top = stack.pop(); top !== undefined; top = stack.pop()) {
    const { i } = top;
    if (top.entered) order.push(i);
    else if (!entered.has(i)) {
      entered.add(i);
      stack.push({ i, entered: true });
      for (const operand of operands[i]!) if (!entered.has(operand)) stack.push({ i: operand, entered: false });
    }
  }
  return order;
}

/** Values of fewer bytes are small: parameters and sums, not images. */
const SMALL = 2 ** 16;

/**
 * The same nodes, listed so that ONNX Runtime makes of a program's images what is wanted of them as soon as it can: each
 * node keeps the place that the program gave it, but one that only reshapes, or makes something small, goes to where the last of
 * its operands is made. A gradient's parts are joined at the end of its program, first layer first: taken by those
 * places, the first layer's would come first, after the whole backward pass, and what the others read would wait for it.
 */
export function soonestFirst(nodes: readonly OnnxNode[]): OnnxNode[] {
  const { isView } = flowOf(nodes);
  const places = new Map<string, number>();
  const listed = nodes.map((node, i) => {
    const ready = Math.max(-1, ...node.inputs.map((input) => places.get(input) ?? -1));
    const place = isView(node) || node.bytes < SMALL ? ready : i;
    for (const output of node.outputs) places.set(output, place);
    return { node, place };
  });
  // Stable: what goes to the same place stays in order. ONNX Runtime takes what is listed last first.
  return listed
    .sort((a, b) => a.place - b.place)
    .map(({ node }) => node)
    .reverse();
}
