/**
 * A protobuf message under construction: field after field, in the order in which they are given, so that equal calls
 * give equal bytes. Byte fields are kept by reference until `finish` copies everything once.
 *
 * Wire format: https://protobuf.dev/programming-guides/encoding/
 */
export interface ProtoWriter {
  readonly chunks: Uint8Array[];
  /** Total bytes of `chunks`. */
  length: number;
}

const VARINT = 0;
const DELIMITED = 2;
const FIXED32 = 5;

export function message(): ProtoWriter {
  return { chunks: [], length: 0 };
}

/** An integer field (int64, int32, enum): a safe integer of either sign. */
export function writeInt(writer: ProtoWriter, field: number, value: number): void {
  if (!Number.isSafeInteger(value)) throw new Error(`protobuf: ${value} is no safe integer`);
  append(writer, varint((field << 3) | VARINT));
  append(writer, varint(value));
}

export function writeFloat(writer: ProtoWriter, field: number, value: number): void {
  append(writer, varint((field << 3) | FIXED32));
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setFloat32(0, value, true);
  append(writer, bytes);
}

export function writeBytes(writer: ProtoWriter, field: number, bytes: Uint8Array): void {
  append(writer, varint((field << 3) | DELIMITED));
  append(writer, varint(bytes.byteLength));
  append(writer, bytes);
}

export function writeString(writer: ProtoWriter, field: number, text: string): void {
  writeBytes(writer, field, new TextEncoder().encode(text));
}

/** An embedded message; its chunks move into this one. */
export function writeMessage(writer: ProtoWriter, field: number, inner: ProtoWriter): void {
  append(writer, varint((field << 3) | DELIMITED));
  append(writer, varint(inner.length));
  for (const chunk of inner.chunks) writer.chunks.push(chunk);
  writer.length += inner.length;
}

/** The message's bytes, copied once. */
export function finish(writer: ProtoWriter): Uint8Array {
  const bytes = new Uint8Array(writer.length);
  let offset = 0;
  for (const chunk of writer.chunks) {
    bytes.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return bytes;
}

function append(writer: ProtoWriter, chunk: Uint8Array): void {
  writer.chunks.push(chunk);
  writer.length += chunk.byteLength;
}

/** Base-128, least significant group first; negative numbers as their 64-bit two's complement (ten bytes). */
function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  while (rest > 127n) {
    bytes.push(Number(rest & 127n) | 128);
    rest >>= 7n;
  }
  bytes.push(Number(rest));
  return Uint8Array.from(bytes);
}
