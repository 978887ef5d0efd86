import { createHash } from "node:crypto";
import type { OnnxAttribute, OnnxBuilder, OnnxDomain, OnnxValue } from "../../programs/lowering.ts";
import { type Aval, sizeOf, type Tensor } from "../../programs/tensor.ts";
import { maxNodeThreads } from "./gemm-threads.ts";
import type { OnnxDType, OnnxInitializer, OnnxModel, OnnxPort } from "./model.ts";

/** A graph under construction: `OnnxBuilder` for the primitives, inputs and outputs for `lower.ts`. */
export interface GraphBuilder extends OnnxBuilder {
  input(name: string, aval: Aval): OnnxValue;
  /**
   * The graph so far, with these outputs in this order. A value keeps its node and takes the output's name, unless it
   * is an input, a constant or an output already: then a copy does (`Identity`), since a graph's output may be neither.
   */
  finish(name: string, outputs: readonly { readonly name: string; readonly value: OnnxValue }[]): OnnxModel;
}

interface PendingNode {
  readonly op: string;
  readonly domain: "" | OnnxDomain;
  readonly inputs: readonly (OnnxValue | undefined)[];
  readonly output: OnnxValue;
  readonly attributes: Readonly<Record<string, OnnxAttribute>>;
}

const ELEMENT_BYTES = { f32: 4, f64: 8, u8: 1 } as const;

/** Above this many bytes, equal constants are found by their digest instead of their contents. */
const SHORT = 256;

/** Opens an empty graph for an execution provider. */
export function createBuilder(device: OnnxBuilder["device"], channelBlock = 1): GraphBuilder {
  const taken = new Set<string>();
  const counts = new Map<string, number>();
  const inputs: OnnxValue[] = [];
  const nodes: PendingNode[] = [];
  const initializers: OnnxInitializer[] = [];
  const shared = new Map<string, OnnxValue>();
  const known = new Map<string, OnnxValue>();
  /** What a Reshape's output is a reshape of. */
  const sources = new Map<OnnxValue, OnnxValue>();

  function unique(stem: string): string {
    let name = stem;
    let count = counts.get(stem) ?? 0;
    while (name === "" || taken.has(name)) {
      count += 1;
      name = `${stem}_${count}`;
    }
    counts.set(stem, count);
    taken.add(name);
    return name;
  }

  function initializer(stem: string, dtype: OnnxDType, aval: Aval, bytes: Uint8Array): OnnxValue {
    const key = `${dtype}[${aval.shape.join()}]${contents(bytes)}`;
    const known = shared.get(key);
    if (known !== undefined) return known;
    const value = { name: unique(stem), aval };
    initializers.push({ name: value.name, dtype, shape: aval.shape, bytes });
    shared.set(key, value);
    return value;
  }

  function plainNode(
    op: string,
    operands: readonly (OnnxValue | undefined)[],
    output: Aval,
    attributes: Readonly<Record<string, OnnxAttribute>> = {},
    domain: "" | OnnxDomain = "",
  ): OnnxValue {
    const key = `${domain} ${op} ${operands.map((operand) => operand?.name).join()} ${JSON.stringify(attributes)}`;
    const before = known.get(key);
    if (before !== undefined) return before;
    const value = { name: unique(op.toLowerCase()), aval: { dtype: output.dtype, shape: output.shape } };
    nodes.push({ op, domain, inputs: operands, output: value, attributes });
    known.set(key, value);
    return value;
  }

  /** A reshape of a reshape is one, and of none where the shape comes back. */
  function reshape(operand: OnnxValue, shape: OnnxValue, output: Aval): OnnxValue {
    const source = sources.get(operand) ?? operand;
    if (source.aval.shape.join() === output.shape.join()) return source;
    const value = plainNode("Reshape", [source, shape], output);
    sources.set(value, source);
    return value;
  }

  return {
    device,
    channelBlock,
    input(name, aval) {
      const value = { name: unique(name), aval: { dtype: aval.dtype, shape: aval.shape } };
      inputs.push(value);
      return value;
    },
    node(op, operands, output, attributes, domain) {
      const [operand, shape] = operands;
      return op === "Reshape" && operand !== undefined && shape !== undefined
        ? reshape(operand, shape, output)
        : plainNode(op, operands, output, attributes, domain);
    },
    constant(tensor) {
      return initializer("const", tensor.dtype, { dtype: tensor.dtype, shape: tensor.shape }, bytesOf(tensor.data));
    },
    int64(values) {
      // The contract has no integer dtype: primitives hand these on as shapes and axes, never as numbers.
      const aval = { dtype: "f64", shape: [values.length] } as const;
      return initializer("ints", "i64", aval, bytesOf(BigInt64Array.from(values, BigInt)));
    },
    finish(name, outputs) {
      const made = new Set(nodes.map((pending) => pending.output));
      const names = new Map<OnnxValue, string>();
      const copies: PendingNode[] = [];
      const ports: OnnxPort[] = outputs.map((output) => {
        const port = { name: unique(output.name), dtype: output.value.aval.dtype, shape: output.value.aval.shape };
        if (made.has(output.value) && !names.has(output.value)) names.set(output.value, port.name);
        else
          copies.push({
            op: "Identity",
            domain: "",
            inputs: [output.value],
            output: { name: port.name, aval: port },
            attributes: {},
          });
        return port;
      });
      const nameOf = (value: OnnxValue | undefined): string =>
        value === undefined ? "" : (names.get(value) ?? value.name);
      const needed = neededNodes([...nodes, ...copies], new Set(ports.map((port) => port.name)), nameOf);
      const read = new Set(needed.flatMap((pending) => pending.inputs.map(nameOf)));
      return {
        name,
        inputs: inputs.map((value) => ({ name: value.name, dtype: value.aval.dtype, shape: value.aval.shape })),
        outputs: ports,
        initializers: initializers.filter((tensor) => read.has(tensor.name)),
        maxThreads: Math.min(...needed.map(maxThreadsOf), Number.POSITIVE_INFINITY),
        nodes: needed.map((pending) => ({
          op: pending.op,
          domain: pending.domain,
          inputs: pending.inputs.map(nameOf),
          outputs: [nameOf(pending.output)],
          attributes: pending.attributes,
          bytes: sizeOf(pending.output.aval.shape) * ELEMENT_BYTES[pending.output.aval.dtype],
        })),
      };
    },
  };
}

/** The nodes that the outputs need: a fusion leaves behind what it went past. */
function neededNodes(
  nodes: readonly PendingNode[],
  wanted: Set<string>,
  nameOf: (value: OnnxValue | undefined) => string,
): PendingNode[] {
  const needed: PendingNode[] = [];
  for (let i = nodes.length - 1; i >= 0; i--) {
    const pending = nodes[i]!;
    if (!wanted.has(nameOf(pending.output))) continue;
    needed.push(pending);
    for (const input of pending.inputs) wanted.add(nameOf(input));
  }
  return needed.reverse();
}

function maxThreadsOf({ op, inputs, attributes, output }: PendingNode): number {
  if (op !== "MatMul" && op !== "FusedMatMul") return Number.POSITIVE_INFINITY;
  return maxNodeThreads(inputs[0], attributes.transA === 1, output.aval.shape);
}

function contents(bytes: Uint8Array): string {
  if (bytes.byteLength <= SHORT) return Buffer.from(bytes).toString("latin1");
  return createHash("sha256").update(bytes).digest("hex");
}

function bytesOf(data: Tensor["data"] | BigInt64Array): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}
