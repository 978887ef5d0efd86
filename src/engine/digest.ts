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

/** SHA-256 of a file's bytes, a chunk at a time: the first at once, which is all that most files have. */
export async function digestFile(path: string): Promise<Digest> {
  const file = openSync(path, "r");
  try {
    const buffer = Buffer.allocUnsafe(Math.min(fstatSync(file).size + 1, CHUNK));
    const length = readSync(file, buffer, 0, buffer.length, null);
    // Shorter than the buffer: the end is reached.
    if (length < buffer.length) return digestOf(buffer.subarray(0, length));
    const sum = createHash("sha256").update(buffer);
    for (;;) {
      const { bytesRead } = await readAsync(file, buffer, 0, buffer.length, null);
      if (bytesRead === 0) return sum.digest("hex") as Digest;
      sum.update(buffer.subarray(0, bytesRead));
    }
  } finally {
    closeSync(file);
  }
}

const readAsync = promisify(read);

/** For people: enough of a digest to tell two apart. */
export function short(digest: string): string {
  return digest.slice(0, 12);
}
