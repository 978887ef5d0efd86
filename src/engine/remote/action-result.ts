import type { Digest } from "../plan/plan.ts";

/** A blob that a result consists of. */
export interface NamedBlob {
  /** What the ActionResult calls it. */
  readonly path: string;
  readonly digest: Digest;
  readonly bytes: number;
  readonly executable: boolean;
}

/**
 * What `/ac/KEY` holds: an ActionResult of Bazel's remote execution API (version 2), so that servers that read it
 * (bazel-remote) take it and know which blobs belong to it. Our record is its standard output; the rest is for the server.
 *
 * Fields: https://github.com/bazelbuild/remote-apis, build/bazel/remote/execution/v2/remote_execution.proto;
 * wire format: https://protobuf.dev/programming-guides/encoding/
 */
export function encodeActionResult(record: string, blobs: readonly NamedBlob[]): Buffer {
  const files = blobs.map(({ path, digest, bytes, executable }) => {
    const parts = [text(1, path), bytesField(2, Buffer.concat([text(1, digest), integer(2, bytes)]))];
    if (executable) parts.push(integer(4, 1));
    return bytesField(OUTPUT_FILES, Buffer.concat(parts));
  });
  const worker = bytesField(EXECUTION_METADATA, text(1, "gd-instabilities"));
  return Buffer.concat([...files, text(STDOUT_RAW, record), worker]);
}

/** The record in an ActionResult, whatever else its server has written to it; `undefined` where there is none. */
export function recordIn(message: Buffer): string | undefined {
  let at = 0;
  let record: string | undefined;
  const varint = (): number => {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = message[at++];
      if (byte === undefined) return Number.NaN;
      value += (byte & 127) * 2 ** shift;
      if (byte < 128) return value;
    }
    return Number.NaN;
  };
  while (at < message.length) {
    const tag = varint();
    const wire = tag % 8;
    if (wire === 0) varint();
    else if (wire === 1) at += 8;
    else if (wire === 5) at += 4;
    else if (wire === 2) {
      const length = varint();
      if (!(at + length <= message.length)) return undefined;
      if (Math.floor(tag / 8) === STDOUT_RAW) record = message.toString("utf8", at, at + length);
      at += length;
    } else return undefined;
  }
  return at === message.length ? record : undefined;
}

const OUTPUT_FILES = 2;
const STDOUT_RAW = 5;
const EXECUTION_METADATA = 9;

function text(field: number, value: string): Buffer {
  return bytesField(field, Buffer.from(value));
}

function bytesField(field: number, value: Buffer): Buffer {
  return Buffer.concat([varintOf(field * 8 + 2), varintOf(value.length), value]);
}

function integer(field: number, value: number): Buffer {
  return Buffer.concat([varintOf(field * 8), varintOf(value)]);
}

/** Base-128, least significant group first; of a natural number. */
function varintOf(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  bytes.push(rest);
  return Buffer.from(bytes);
}
