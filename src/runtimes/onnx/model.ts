import type { OnnxAttribute, OnnxDomain } from "../../programs/lowering.ts";
import type { DType, Shape } from "../../programs/tensor.ts";
import {
  finish,
  message,
  type ProtoWriter,
  writeBytes,
  writeFloat,
  writeInt,
  writeMessage,
  writeString,
} from "./protobuf.ts";

/**
 * The subset of ONNX messages that our models need, encoded by hand: no maintained builder exists for JavaScript.
 * Field numbers: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
 */
export interface OnnxModel {
  readonly name: string;
  readonly inputs: readonly OnnxPort[];
  readonly outputs: readonly OnnxPort[];
  readonly initializers: readonly OnnxInitializer[];
  /** In topological order. */
  readonly nodes: readonly OnnxNode[];
  /** The most threads with which its products round as with one. */
  readonly maxThreads: number;
}

/** Element types of ONNX tensors that we use; `i64` is for shapes and axes only. */
export type OnnxDType = DType | "i64";

export interface OnnxPort {
  readonly name: string;
  readonly dtype: OnnxDType;
  /** `undefined`: of any shape. */
  readonly shape: Shape | undefined;
}

export interface OnnxInitializer extends OnnxPort {
  readonly shape: Shape;
  /** Little-endian and row-major; kept by reference, copied once into the model. */
  readonly bytes: Uint8Array;
}

export interface OnnxNode {
  readonly op: string;
  readonly domain: "" | OnnxDomain;
  /** Value names; an empty one is an optional input that is left out. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, OnnxAttribute>>;
  /** Of what it makes; not part of the message. */
  readonly bytes: number;
}

/** `TensorProto.DataType`. */
export const ELEMENT_TYPES: Readonly<Record<OnnxDType, number>> = { f32: 1, u8: 2, i64: 7, f64: 11 };

/** Operator set of the default domain, and the file format's version that came with it. */
export const OPSET = 21;
const IR_VERSION = 10;

/** `AttributeProto.AttributeType`. */
const FLOAT = 1;
const INT = 2;
const STRING = 3;
const INTS = 7;

/** The bytes of a `ModelProto`; equal models give equal bytes. */
export function encodeModel(model: OnnxModel): Uint8Array {
  const proto = message();
  writeInt(proto, 1, IR_VERSION);
  writeString(proto, 2, "gd-instabilities");
  writeMessage(proto, 7, graphProto(model));
  writeMessage(proto, 8, opsetProto("", OPSET));
  for (const domain of ["com.microsoft", "com.microsoft.nchwc"] as const)
    if (model.nodes.some((node) => node.domain === domain)) writeMessage(proto, 8, opsetProto(domain, 1));
  return finish(proto);
}

function opsetProto(domain: string, version: number): ProtoWriter {
  const proto = message();
  writeString(proto, 1, domain);
  writeInt(proto, 2, version);
  return proto;
}

function graphProto(model: OnnxModel): ProtoWriter {
  const proto = message();
  for (const node of model.nodes) writeMessage(proto, 1, nodeProto(node));
  writeString(proto, 2, model.name);
  for (const initializer of model.initializers) writeMessage(proto, 5, tensorProto(initializer));
  for (const input of model.inputs) writeMessage(proto, 11, valueInfoProto(input));
  for (const output of model.outputs) writeMessage(proto, 12, valueInfoProto(output));
  return proto;
}

function nodeProto(node: OnnxNode): ProtoWriter {
  const proto = message();
  for (const input of node.inputs) writeString(proto, 1, input);
  for (const output of node.outputs) writeString(proto, 2, output);
  // A node is named after what it makes, so that profiles and errors point into the printed program.
  writeString(proto, 3, node.outputs[0] ?? "");
  writeString(proto, 4, node.op);
  for (const [name, value] of Object.entries(node.attributes).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))
    writeMessage(proto, 5, attributeProto(name, value));
  if (node.domain !== "") writeString(proto, 7, node.domain);
  return proto;
}

function attributeProto(name: string, value: OnnxAttribute): ProtoWriter {
  const proto = message();
  writeString(proto, 1, name);
  if (typeof value === "number") {
    writeInt(proto, 3, value);
    writeInt(proto, 20, INT);
  } else if (typeof value === "string") {
    writeString(proto, 4, value);
    writeInt(proto, 20, STRING);
  } else if ("float" in value) {
    writeFloat(proto, 2, value.float);
    writeInt(proto, 20, FLOAT);
  } else {
    for (const element of value) writeInt(proto, 8, element);
    writeInt(proto, 20, INTS);
  }
  return proto;
}

function tensorProto(tensor: OnnxInitializer): ProtoWriter {
  const proto = message();
  for (const extent of tensor.shape) writeInt(proto, 1, extent);
  writeInt(proto, 2, ELEMENT_TYPES[tensor.dtype]);
  writeString(proto, 8, tensor.name);
  writeBytes(proto, 9, tensor.bytes);
  return proto;
}

function valueInfoProto(port: OnnxPort): ProtoWriter {
  const tensor = message();
  writeInt(tensor, 1, ELEMENT_TYPES[port.dtype]);
  if (port.shape !== undefined) writeMessage(tensor, 2, shapeProto(port.shape));
  const type = message();
  writeMessage(type, 1, tensor);
  const proto = message();
  writeString(proto, 1, port.name);
  writeMessage(proto, 2, type);
  return proto;
}

function shapeProto(shape: Shape): ProtoWriter {
  const proto = message();
  for (const extent of shape) {
    const dimension = message();
    writeInt(dimension, 1, extent);
    writeMessage(proto, 1, dimension);
  }
  return proto;
}
