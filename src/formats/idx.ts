/**
 * IDX, the format of the MNIST family: two zero bytes, a type byte, the rank, big-endian dimensions, row-major values.
 * Only unsigned bytes (type 0x08) occur in the data sets read here.
 *
 * Source: http://yann.lecun.com/exdb/mnist/ ("The IDX file format").
 */
export interface IdxArray {
  readonly shape: readonly number[];
  /** Row-major, `shape`'s product long. */
  readonly values: Uint8Array;
}

export interface IdxFailure {
  readonly reason: "idx-not-idx" | "idx-unsupported-type" | "idx-truncated" | "idx-trailing-bytes";
  readonly message: string;
}

const UNSIGNED_BYTE = 0x08;

/** Reads an IDX file of unsigned bytes; the values are a view of `bytes`, not a copy. */
export function decodeIdx(bytes: Uint8Array): IdxArray | IdxFailure {
  const rank = bytes[3];
  if (bytes.length < 4 || bytes[0] !== 0 || bytes[1] !== 0 || rank === undefined || rank === 0) {
    return { reason: "idx-not-idx", message: `no IDX header: it begins with ${leadingBytes(bytes)}` };
  }
  if (bytes[2] !== UNSIGNED_BYTE) {
    const type = `0x${(bytes[2] ?? 0).toString(16).padStart(2, "0")}`;
    return { reason: "idx-unsupported-type", message: `IDX values of type ${type}, expected unsigned bytes (0x08)` };
  }
  const start = 4 + 4 * rank;
  if (bytes.length < start) {
    return { reason: "idx-truncated", message: `${bytes.length} bytes, too short for a header of rank ${rank}` };
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const shape = Array.from({ length: rank }, (_, axis) => view.getUint32(4 + 4 * axis));
  const expected = start + shape.reduce((product, size) => product * size, 1);
  if (bytes.length < expected) {
    return {
      reason: "idx-truncated",
      message: `${bytes.length} bytes, but its header [${shape.join(", ")}] announces ${expected}`,
    };
  }
  if (bytes.length > expected) {
    return {
      reason: "idx-trailing-bytes",
      message: `${bytes.length} bytes, but its header [${shape.join(", ")}] announces only ${expected}`,
    };
  }
  return { shape, values: bytes.subarray(start) };
}

/** Writes an IDX file of unsigned bytes. */
export function encodeIdx(array: IdxArray): Uint8Array {
  const start = 4 + 4 * array.shape.length;
  const bytes = new Uint8Array(start + array.values.length);
  bytes[2] = UNSIGNED_BYTE;
  bytes[3] = array.shape.length;
  const view = new DataView(bytes.buffer);
  for (const [axis, size] of array.shape.entries()) view.setUint32(4 + 4 * axis, size);
  bytes.set(array.values, start);
  return bytes;
}

/** The first `count` items along the leading axis; a view. */
export function takeFirst(array: IdxArray, count: number): IdxArray {
  const [total = 0, ...rest] = array.shape;
  const kept = Math.min(count, total);
  const stride = rest.reduce((product, size) => product * size, 1);
  return { shape: [kept, ...rest], values: array.values.subarray(0, kept * stride) };
}

/** How a file that is no IDX begins, as text where it is text: an error page of a proxy shows itself this way. */
function leadingBytes(bytes: Uint8Array): string {
  if (bytes.length === 0) return "nothing (it is empty)";
  const head = bytes.subarray(0, 16);
  const printable = head.every(
    (byte) => byte === 0x0a || byte === 0x0d || byte === 0x09 || (byte >= 0x20 && byte < 0x7f),
  );
  if (printable) return JSON.stringify(new TextDecoder().decode(head));
  return `bytes ${Array.from(head, (byte) => byte.toString(16).padStart(2, "0")).join(" ")}`;
}
