import { createHash, hash } from "node:crypto";
import { closeSync, fstatSync, openSync, read, readSync } from "node:fs";
import { promisify } from "node:util";
import type { Digest } from "./plan.ts";

const CHUNK = 1 << 20;

/** SHA-256 of bytes (of a text's UTF-8), in hexadecimal. */
export function digestOf(data: string | Uint8Array): Digest {
  return hash("sha256", data) as Digest;
}

export function isDigest(value: unknown): value is Digest {
  return typeof value === "string" && /^[0-9a-f]{64}$/.test(value);
}

/** Looks at all bytes of a file, in order, and then has their SHA-256. */
export interface Sum {
  look(bytes: Uint8Array): void;
  digest(): Digest;
}

export function openSum(): Sum {
  const sum = createHash("sha256");
  return { look: (bytes) => void sum.update(bytes), digest: () => sum.digest("hex") as Digest };
}

/** SHA-256 of a file's bytes, a chunk at a time: the first at once, which is all that most files have. */
export async function digestFile(path: string, sum?: Sum): Promise<Digest> {
  const file = openSync(path, "r");
  try {
    const buffer = Buffer.allocUnsafe(Math.min(fstatSync(file).size + 1, CHUNK));
    const length = readSync(file, buffer, 0, buffer.length, 0);
    // Shorter than the buffer: the end is reached.
    if (length < buffer.length && sum === undefined) return digestOf(buffer.subarray(0, length));
    const { look, digest } = sum ?? openSum();
    await readThrough(file, look);
    return digest();
  } finally {
    closeSync(file);
  }
}

/** Shows all bytes of an open file, a chunk at a time: while one is looked at here, the next is read. */
export async function readThrough(file: number, look: (bytes: Buffer) => void): Promise<void> {
  const buffers = [0, 1].map(() => Buffer.allocUnsafeSlow(CHUNK));
  const readAt = async (turn: number, position: number): Promise<Buffer> => {
    const buffer = buffers[turn % 2]!;
    const { bytesRead } = await readAsync(file, buffer, 0, CHUNK, position);
    return buffer.subarray(0, bytesRead);
  };
  let position = 0;
  let reading = readAt(0, position);
  for (let turn = 0; ; turn++) {
    const bytes = await reading;
    if (bytes.length === 0) return;
    position += bytes.length;
    reading = readAt(turn + 1, position);
    // Awaited a turn later.
    reading.catch(() => undefined);
    look(bytes);
  }
}

const readAsync = promisify(read);

/** For people: enough of a digest to tell two apart. */
export function short(digest: string): string {
  return digest.slice(0, 12);
}
