import type { OnnxAttribute } from "../../programs/lowering.ts";
import type { OnnxModel, OnnxNode } from "./model.ts";
import { executionOrder, flowOf } from "./order.ts";

/** Values of fewer bytes are left alone, and taken to be there at any time. */
const LARGE = 2 ** 20;
/** A value waits long where so many times its bytes are made between two of its readers. */
const LONG = 8;

/**
 * The same model, of nodes in the order in which they are handed over, with cheap values computed once more where they are
 * read again after a long time: masks of ReLU, and images scaled by channel (batch norm, with the ReLU behind it). They are one
 * pass over images that stay in memory anyway, and would themselves stay from the forward pass to the backward pass. Copies are
 * the same nodes on the same operands, so no number changes.
 */
export function recomputeCheap(model: OnnxModel): OnnxModel {
  return recompute(recompute(model, otherSlope), spelledOut);
}

/** The attributes of a node that computes the same in other words, since ONNX Runtime joins equal ones; undefined where it knows no more. */
type Reworded = (node: OnnxNode, copy: number) => OnnxNode["attributes"] | undefined;

function recompute(model: OnnxModel, reworded: Reworded): OnnxModel {
  const { nodes } = model;
  const order = executionOrder(nodes);
  const { maker, rootOf, isView } = flowOf(nodes);
  const sizeOf = (value: string): number => nodes[maker.get(value) ?? -1]?.bytes ?? 0;
  /** Bytes that have been made before a position. */
  const made = [0];
  for (const i of order) made.push(made.at(-1)! + (isView(nodes[i]!) ? 0 : nodes[i]!.bytes));
  /** Positions at which the memory of a value is read. */
  const reads = new Map<string, number[]>();
  order.forEach((i, position) => {
    if (isView(nodes[i]!)) return;
    for (const root of new Set(nodes[i]!.inputs.map(rootOf))) {
      const positions = reads.get(root);
      if (positions === undefined) reads.set(root, [position]);
      else positions.push(position);
    }
  });
  const stays = new Set([...model.inputs, ...model.initializers].map(({ name }) => name));
  for (const { name } of model.outputs) stays.add(rootOf(name));

  const copies: OnnxNode[] = [];
  const changed = new Map<number, OnnxNode>();
  const copiedViews = new Set<string>();
  for (const i of order) {
    const node = nodes[i]!;
    const output = node.outputs[0]!;
    if (node.bytes < LARGE || stays.has(output) || reworded(node, 1) === undefined) continue;
    const isLong = (from: number, to: number): boolean => made[to]! - made[from + 1]! > LONG * node.bytes;
    const runs = apart(reads.get(output) ?? [], isLong);
    /** Whether an operand is there at a position, or could as well be. */
    const isThere = (root: string, at: number): boolean => {
      const last = reads.get(root)?.at(-1);
      return stays.has(root) || sizeOf(root) < LARGE || (last !== undefined && (last >= at || !isLong(last, at)));
    };
    const kept = runs[0] ?? [];
    for (const [k, run] of runs.slice(1).entries()) {
      const attributes = reworded(node, k + 1);
      if (attributes === undefined || !node.inputs.every((input) => isThere(rootOf(input), run[0]!))) {
        kept.push(...run);
        continue;
      }
      const suffix = `/again_${k + 1}`;
      copies.push({ ...node, outputs: [output + suffix], attributes });
      for (const position of run) readCopy(order[position]!, output, suffix);
    }
    reads.set(output, kept);
  }
  // First in the list: of the operands of a node those are computed last (executionOrder).
  return { ...model, nodes: [...copies, ...nodes.map((node, i) => changed.get(i) ?? node)] };

  /** Node i reads the copy of `root` in its place, or a view of it. */
  function readCopy(i: number, root: string, suffix: string): void {
    const node = changed.get(i) ?? nodes[i]!;
    const inputs = node.inputs.map((input) => (rootOf(input) === root ? copied(input, root, suffix) : input));
    changed.set(i, { ...node, inputs });
  }

  function copied(value: string, root: string, suffix: string): string {
    const name = value + suffix;
    if (value === root || copiedViews.has(name)) return name;
    const view = nodes[maker.get(value)!]!;
    const inputs = [copied(view.inputs[0]!, root, suffix), ...view.inputs.slice(1)];
    copies.push({ ...view, inputs, outputs: [name] });
    copiedViews.add(name);
    return name;
  }
}

/** The positions in runs, between which there is a long time. */
function apart(positions: readonly number[], isLong: (from: number, to: number) => boolean): number[][] {
  const runs: number[][] = [];
  positions.forEach((position, k) => {
    if (k === 0 || isLong(positions[k - 1]!, position)) runs.push([position]);
    else runs.at(-1)!.push(position);
  });
  return runs;
}

/** Masks (`step`): any slope that lifts the smallest normal number to 1 gives the same. */
const otherSlope: Reworded = ({ op, attributes }, copy) => {
  const { alpha } = attributes;
  if (op !== "HardSigmoid" || typeof alpha !== "object" || !("float" in alpha) || alpha.float < 2e38) return undefined;
  return { ...attributes, alpha: { float: alpha.float - copy * 2 ** 110 } };
};

/** 1×1 convolutions of single channels, with defaults spelled out. */
const spelledOut: Reworded = ({ op, domain, attributes }, copy) => {
  const isScaling = (op === "Conv" || op === "FusedConv") && domain !== "com.microsoft.nchwc" && "group" in attributes;
  const defaults: [string, OnnxAttribute][] = [
    ["strides", [1, 1]],
    ["dilations", [1, 1]],
    ["pads", [0, 0, 0, 0]],
  ];
  if (!isScaling || copy >= 2 ** defaults.length || defaults.some(([name]) => name in attributes)) return undefined;
  return { ...attributes, ...Object.fromEntries(defaults.filter((_, bit) => (copy >> bit) % 2 === 1)) };
};
