import { createHash, hash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import type { Digest } from "./plan.ts";

const CHUNK = 1 << 20;

/** SHA-256 of bytes (of a text's UTF-8), in hexadecimal. */
export function digestOf(data: string | Uint8Array): Digest {
  return hash("sha256", data) as Digest;
}

export function isDigest(value: unknown): value is Digest {
  return typeof value === "string" && /^[0-9a-f]{64}$/.test(value);
}

/** SHA-256 of a file's bytes, a chunk at a time. */
export async function digestFile(path: string): Promise<Digest> {
  const file = await open(path, "r");
  try {
    return await digestHandle(file);
  } finally {
    await file.close();
  }
}

async function digestHandle(file: FileHandle): Promise<Digest> {
  const { size } = await file.stat();
  const sum = createHash("sha256");
  const buffer = Buffer.allocUnsafe(Math.min(Math.max(size, 1), CHUNK));
  for (;;) {
    const { bytesRead } = await file.read(buffer, 0, buffer.length, null);
    if (bytesRead === 0) return sum.digest("hex") as Digest;
    sum.update(buffer.subarray(0, bytesRead));
  }
}

/** For people: enough of a digest to tell two apart. */
export function short(digest: string): string {
  return digest.slice(0, 12);
}
