export type SafetensorsDType = "f64" | "f32" | "i32" | "u8";

export interface TensorEntry {
  readonly dtype: SafetensorsDType;
  readonly shape: readonly number[];
  /** Position in the file, in bytes. */
  readonly offset: number;
  readonly byteLength: number;
}

export interface SafetensorsHeader {
  readonly tensors: Readonly<Record<string, TensorEntry>>;
  readonly metadata: Readonly<Record<string, string>>;
}

export interface SafetensorsFailure {
  readonly reason:
    | "safetensors-unreadable"
    | "safetensors-truncated"
    | "safetensors-bad-header"
    | "safetensors-overlap"
    | "safetensors-trailing-bytes"
    | "safetensors-missing-tensor"
    | "safetensors-missing-rows"
    | "safetensors-wrong-dtype";
  readonly message: string;
}

export function isSafetensorsFailure<T extends object>(value: T | SafetensorsFailure): value is SafetensorsFailure {
  return "reason" in value;
}

const NAMES: Readonly<Record<SafetensorsDType, string>> = { f64: "F64", f32: "F32", i32: "I32", u8: "U8" };
const DTYPES = new Map(Object.entries(NAMES).map(([dtype, name]) => [name, dtype as SafetensorsDType]));
const SIZES: Readonly<Record<SafetensorsDType, number>> = { f64: 8, f32: 4, i32: 4, u8: 1 };
/** The format's own bound. */
const MAX_HEADER = 100_000_000;

/** Bytes of one element. */
export const sizeOfElement = (dtype: SafetensorsDType): number => SIZES[dtype];

interface Declared {
  readonly dtype: SafetensorsDType;
  readonly shape: readonly number[];
}

/** Length and JSON, padded with spaces so that data begin at a multiple of 8; and the order of the tensors' data. */
export function encodeHeader(
  tensors: Readonly<Record<string, Declared>>,
  metadata: Readonly<Record<string, string>>,
): { readonly header: Uint8Array; readonly order: readonly string[] } {
  const order = Object.keys(tensors).sort(
    (a, b) => SIZES[tensors[b]!.dtype] - SIZES[tensors[a]!.dtype] || (a < b ? -1 : 1),
  );
  if (order.includes("__metadata__")) throw new Error("no tensor may be called __metadata__");
  const json: Record<string, unknown> = {};
  const keys = Object.keys(metadata).sort();
  if (keys.length > 0) json.__metadata__ = Object.fromEntries(keys.map((key) => [key, metadata[key]]));
  let at = 0;
  for (const name of order) {
    const { dtype, shape } = tensors[name]!;
    const end = at + shape.reduce((product, extent) => product * extent, SIZES[dtype]);
    json[name] = { dtype: NAMES[dtype], shape, data_offsets: [at, end] };
    at = end;
  }
  const text = new TextEncoder().encode(JSON.stringify(json));
  const padded = Math.ceil(text.length / 8) * 8;
  const header = new Uint8Array(8 + padded).fill(0x20);
  new DataView(header.buffer).setBigUint64(0, BigInt(padded), true);
  header.set(text, 8);
  return { header, order };
}

/** Reads and validates a header. `read` answers fewer bytes where the file ends; `size` is the whole file's. */
export function decodeHeader(
  read: (offset: number, length: number) => Uint8Array,
  size: number,
  path: string,
): SafetensorsHeader | SafetensorsFailure {
  const fail = (reason: SafetensorsFailure["reason"], message: string): SafetensorsFailure => ({
    reason,
    message: `${path}: ${message}`,
  });
  const lead = read(0, 8);
  if (lead.length < 8) return fail("safetensors-truncated", `${size} bytes, too short for a safetensors file`);
  const length = Number(new DataView(lead.buffer, lead.byteOffset, 8).getBigUint64(0, true));
  if (length > MAX_HEADER) return fail("safetensors-bad-header", `no safetensors file: a header of ${length} bytes`);
  if (8 + length > size)
    return fail("safetensors-truncated", `${size} bytes, but its header alone takes ${8 + length}`);

  const parsed = parseHeader(read(8, length));
  if (typeof parsed === "string") return fail("safetensors-bad-header", parsed);
  const { metadata, entries } = parsed;

  let end = 0;
  for (const { name, begin, limit } of [...entries].sort((a, b) => a.begin - b.begin || a.limit - b.limit)) {
    if (begin < end) return fail("safetensors-overlap", `tensor '${name}' overlaps the one before it`);
    if (begin > end)
      return fail("safetensors-overlap", `there is a hole of ${begin - end} bytes before tensor '${name}'`);
    end = limit;
  }
  const expected = 8 + length + end;
  if (size < expected) return fail("safetensors-truncated", `${size} bytes, but its header announces ${expected}`);
  if (size > expected)
    return fail("safetensors-trailing-bytes", `${size} bytes, but its header announces only ${expected}`);
  const tensors = Object.fromEntries(
    entries.map(({ name, dtype, shape, begin, limit }) => [
      name,
      { dtype, shape, offset: 8 + length + begin, byteLength: limit - begin },
    ]),
  );
  return { tensors, metadata };
}

interface ParsedEntry extends Declared {
  readonly name: string;
  readonly begin: number;
  readonly limit: number;
}

/** The header's content, or what is wrong with it. */
function parseHeader(
  bytes: Uint8Array,
): { readonly metadata: Record<string, string>; readonly entries: readonly ParsedEntry[] } | string {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    return "no safetensors file: its header is not JSON";
  }
  if (!isRecord(json)) return "its header is not a JSON object";
  const metadata: Record<string, string> = {};
  const entries: ParsedEntry[] = [];
  for (const [name, value] of Object.entries(json)) {
    if (name === "__metadata__") {
      if (!isRecord(value) || Object.values(value).some((text) => typeof text !== "string"))
        return "its __metadata__ is not a mapping of strings";
      Object.assign(metadata, value);
      continue;
    }
    const entry = parseEntry(name, value);
    if (typeof entry === "string") return entry;
    entries.push(entry);
  }
  return { metadata, entries };
}

function parseEntry(name: string, value: unknown): ParsedEntry | string {
  if (!isRecord(value)) return `tensor '${name}' has no description`;
  const { dtype: type, shape, data_offsets: offsets } = value;
  const dtype = DTYPES.get(String(type));
  if (dtype === undefined)
    return `tensor '${name}' has type ${String(type)}; ${[...DTYPES.keys()].join(", ")} are understood`;
  if (!isCounts(shape)) return `tensor '${name}' has no shape`;
  if (!isCounts(offsets) || offsets.length !== 2) return `tensor '${name}' has no data_offsets`;
  const [begin, limit] = offsets as [number, number];
  const expected = shape.reduce((product, extent) => product * extent, SIZES[dtype]);
  if (limit - begin !== expected)
    return `tensor '${name}' of shape [${shape.join(",")}] takes ${expected} bytes, its data_offsets say ${limit - begin}`;
  return { name, dtype, shape, begin, limit };
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const isCounts = (value: unknown): value is number[] =>
  Array.isArray(value) && value.every((count) => Number.isSafeInteger(count) && count >= 0);
