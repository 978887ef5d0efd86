/** What a server reads of an ActionResult; everything else it keeps as it came. */
export interface ActionResult {
  readonly outputFiles: readonly {
    readonly path: string;
    readonly digest: { readonly hash: string; readonly size: number };
    readonly raw: Buffer;
  }[];
  readonly worker: string | undefined;
  /** Of other fields: number, and the bytes with their tag. */
  readonly others: readonly (readonly [field: number, bytes: Buffer])[];
}

interface Field {
  readonly number: number;
  readonly value: Buffer | bigint;
  /** With its tag. */
  readonly raw: Buffer;
}

/**
 * Reads a message of build/bazel/remote/execution/v2/remote_execution.proto by https://protobuf.dev/programming-guides/encoding/
 * alone, and shares nothing with what writes ours. `undefined` where it is none.
 */
export function decodeActionResult(message: Buffer): ActionResult | undefined {
  try {
    const fields = fieldsOf(message);
    const outputFiles = fields
      .filter(({ number }) => number === 2)
      .map(({ value, raw }) => {
        const file = fieldsOf(bytes(value));
        const digest = fieldsOf(bytes(one(file, 2) ?? Buffer.alloc(0)));
        return {
          path: text(one(file, 1)),
          digest: { hash: text(one(digest, 1)), size: Number((one(digest, 2) as bigint | undefined) ?? 0n) },
          raw,
        };
      });
    const metadata = one(fields, 9);
    const worker = metadata === undefined ? "" : text(one(fieldsOf(bytes(metadata)), 1));
    const others = fields.filter(({ number }) => number !== 2).map(({ number, raw }) => [number, raw] as const);
    return { outputFiles, worker: worker === "" ? undefined : worker, others };
  } catch {
    return undefined;
  }
}

/** Written anew in the order of the fields' numbers, as a server does that has read it. */
export function encodeActionResult({ outputFiles, worker, others }: ActionResult): Buffer {
  const fields = [...outputFiles.map(({ raw }) => [2, raw] as const), ...others];
  if (!others.some(([number]) => number === 9)) {
    const name = Buffer.from(worker ?? "unknown");
    fields.push([9, Buffer.concat([Buffer.from([(9 << 3) | 2, name.length + 2, (1 << 3) | 2, name.length]), name])]);
  }
  return Buffer.concat(fields.sort(([a], [b]) => a - b).map(([, raw]) => raw));
}

function fieldsOf(message: Buffer): Field[] {
  const fields: Field[] = [];
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      if (at >= message.length) throw new Error("ends within a number");
      const byte = message[at++]!;
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return value;
    }
    throw new Error("a number without an end");
  };
  while (at < message.length) {
    const start = at;
    const tag = varint();
    const number = Number(tag >> 3n);
    const take = (length: number): Buffer => {
      if (at + length > message.length) throw new Error("ends within a field");
      at += length;
      return message.subarray(at - length, at);
    };
    const wire = Number(tag & 7n);
    if (number === 0 || ![0, 1, 2, 5].includes(wire)) throw new Error("no field");
    const value = wire === 0 ? varint() : take(wire === 1 ? 8 : wire === 5 ? 4 : Number(varint()));
    fields.push({ number, value, raw: message.subarray(start, at) });
  }
  return fields;
}

function one(fields: readonly Field[], number: number): Field["value"] | undefined {
  return fields.findLast((field) => field.number === number)?.value;
}

function bytes(value: Field["value"]): Buffer {
  if (typeof value === "bigint") throw new Error("a number in the place of bytes");
  return value;
}

function text(value: Field["value"] | undefined): string {
  return value === undefined ? "" : new TextDecoder("utf8", { fatal: true }).decode(bytes(value));
}
