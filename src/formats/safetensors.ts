import { closeSync, fstatSync, openSync, readSync, writeSync } from "node:fs";
import {
  decodeHeader,
  encodeHeader,
  type SafetensorsDType,
  type SafetensorsFailure,
  type SafetensorsHeader,
  sizeOfElement,
  type TensorEntry,
} from "./safetensors-header.ts";

export type { SafetensorsDType, SafetensorsFailure, SafetensorsHeader, TensorEntry } from "./safetensors-header.ts";
export { isSafetensorsFailure } from "./safetensors-header.ts";

/**
 * Safetensors (https://huggingface.co/docs/safetensors): eight bytes with the header's length, a JSON header, tensors.
 * Values are little-endian and row-major, like the memory of every machine that Node and the runtimes support, so
 * nothing is converted. The same tensors and metadata give the same bytes: tensors are sorted by alignment (descending),
 * then by name, metadata by key.
 */
export type TensorArray = Float64Array | Float32Array | Int32Array | Uint8Array;

export interface TensorToWrite {
  readonly dtype: SafetensorsDType;
  readonly shape: readonly number[];
  /** Row-major. A list of parts is written one after another, so that rows made one by one need not be joined. */
  readonly data: TensorArray | readonly TensorArray[];
}

export interface StoredTensor {
  readonly dtype: SafetensorsDType;
  readonly shape: readonly number[];
  readonly data: TensorArray;
}

/** Writes a file; tensors go from memory to the file without a copy. Throws on data that do not fit their shape. */
export function writeSafetensors(
  path: string,
  tensors: Readonly<Record<string, TensorToWrite>>,
  metadata: Readonly<Record<string, string>> = {},
): void {
  const { header, order } = encodeHeader(tensors, metadata);
  for (const name of order) checkData(name, tensors[name]!);
  const file = openSync(path, "w");
  try {
    writeAll(file, header);
    for (const name of order) for (const part of partsOf(tensors[name]!)) writeAll(file, bytesOf(part));
  } finally {
    closeSync(file);
  }
}

/** The header of a file, validated against the file's size; no tensor is read. */
export function readSafetensorsHeader(path: string): SafetensorsHeader | SafetensorsFailure {
  return withFile(path, (file, size) => decodeHeader(readPart(file, size), size, path));
}

export interface ReadTensorOptions {
  /** Refuse any other type. */
  readonly dtype?: SafetensorsDType;
  /** Rows `[start, limit)` of the leading axis. Default all. */
  readonly rows?: readonly [number, number];
}

/** One tensor, or some of its rows, read by range. Expected failures are values: see the reasons of `SafetensorsFailure`. */
export function readTensor(
  path: string,
  name: string,
  options: ReadTensorOptions = {},
): StoredTensor | SafetensorsFailure {
  return withFile(path, (file, size) => {
    const header = decodeHeader(readPart(file, size), size, path);
    if ("reason" in header) return header;
    const entry = header.tensors[name];
    if (entry === undefined)
      return {
        reason: "safetensors-missing-tensor",
        message: `${path} has no tensor '${name}'; it holds ${Object.keys(header.tensors).join(", ") || "none"}`,
      };
    if (options.dtype !== undefined && entry.dtype !== options.dtype)
      return {
        reason: "safetensors-wrong-dtype",
        message: `${path}: tensor '${name}' is ${entry.dtype}, expected ${options.dtype}`,
      };
    return readEntry(file, path, name, entry, options.rows);
  });
}

function readEntry(
  file: number,
  path: string,
  name: string,
  entry: TensorEntry,
  rows: readonly [number, number] | undefined,
): StoredTensor | SafetensorsFailure {
  const { dtype, shape, offset, byteLength } = entry;
  if (rows === undefined) return { dtype, shape, data: arrayOf(dtype, readRange(file, offset, byteLength)) };
  const [start, limit] = rows;
  const [count = 0, ...rest] = shape;
  if (start < 0 || limit > count || start > limit)
    return {
      reason: "safetensors-missing-rows",
      message: `${path}: tensor '${name}' has ${count} rows, wanted ${start} to ${limit}`,
    };
  const rowLength = count === 0 ? 0 : byteLength / count;
  const bytes = readRange(file, offset + start * rowLength, (limit - start) * rowLength);
  return { dtype, shape: [limit - start, ...rest], data: arrayOf(dtype, bytes) };
}

function withFile<T>(
  path: string,
  use: (file: number, size: number) => T | SafetensorsFailure,
): T | SafetensorsFailure {
  let file: number;
  try {
    file = openSync(path, "r");
  } catch (error) {
    return { reason: "safetensors-unreadable", message: `${path}: ${(error as Error).message}` };
  }
  try {
    return use(file, fstatSync(file).size);
  } finally {
    closeSync(file);
  }
}

const readPart =
  (file: number, size: number) =>
  (offset: number, length: number): Uint8Array =>
    readRange(file, offset, Math.max(0, Math.min(length, size - offset)));

/** Exactly `length` bytes, in a buffer of their own (aligned for any type). */
function readRange(file: number, offset: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let at = 0;
  while (at < length) {
    // A single read is limited to 2 GiB on Linux.
    const count = readSync(file, bytes, at, Math.min(length - at, 1 << 30), offset + at);
    if (count === 0) throw new Error("the file shrank while it was being read");
    at += count;
  }
  return bytes;
}

function writeAll(file: number, bytes: Uint8Array): void {
  let at = 0;
  while (at < bytes.length) at += writeSync(file, bytes, at, Math.min(bytes.length - at, 1 << 30));
}

const partsOf = ({ data }: TensorToWrite): readonly TensorArray[] => (ArrayBuffer.isView(data) ? [data] : data);

const bytesOf = (array: TensorArray): Uint8Array => new Uint8Array(array.buffer, array.byteOffset, array.byteLength);

const ARRAYS = { f64: Float64Array, f32: Float32Array, i32: Int32Array, u8: Uint8Array } as const;

function arrayOf(dtype: SafetensorsDType, bytes: Uint8Array): TensorArray {
  return new ARRAYS[dtype](bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength / sizeOfElement(dtype));
}

function checkData(name: string, tensor: TensorToWrite): void {
  const parts = partsOf(tensor);
  const kind = ARRAYS[tensor.dtype];
  if (parts.some((part) => !(part instanceof kind)))
    throw new Error(`tensor '${name}' is declared ${tensor.dtype}, its data are not`);
  const length = parts.reduce((total, part) => total + part.length, 0);
  const expected = tensor.shape.reduce((product, extent) => product * extent, 1);
  if (length !== expected)
    throw new Error(
      `tensor '${name}' of shape [${tensor.shape.join(",")}] needs ${expected} values, was given ${length}`,
    );
}
