/**
 * From the bytes of a data file to its verified array: unwrap gzip, compare the digest of the content, read the IDX header.
 * Every way in which such a file goes bad in practice (cut transfer, error page, wrong file) has its own sentence.
 */
import { createHash } from "node:crypto";
import { gunzipSync } from "node:zlib";
import { decodeIdx, type IdxArray } from "../formats/idx.ts";
import type { DataFailure } from "./failure.ts";

export interface Expectation {
  /** SHA-256 of the decompressed content; undefined where any content of the right shape serves. */
  readonly digest?: string;
  readonly shape: readonly number[];
}

/**
 * @param bytes gzipped or plain IDX
 * @param where the path or URL to name in a failure
 * @param remedy what to do when the file is bad
 */
export function readContent(
  bytes: Uint8Array,
  where: string,
  expectation: Expectation,
  remedy: string,
): IdxArray | DataFailure {
  if (bytes.length === 0) return { reason: "data-truncated", message: `${where} is empty`, remedy };
  const content = isGzip(bytes) ? unwrap(bytes) : bytes;
  if (content === "truncated") {
    return {
      reason: "data-truncated",
      message: `${where} is truncated: its gzip stream breaks off after ${bytes.length} bytes`,
      remedy,
    };
  }
  if (content === "corrupt") {
    return {
      reason: "data-wrong-content",
      message: `${where} is damaged: its gzip stream does not decompress`,
      remedy,
    };
  }
  const array = decodeIdx(content);
  if ("reason" in array) {
    if (array.reason === "idx-truncated") {
      return { reason: "data-truncated", message: `${where} is truncated: ${array.message}`, remedy };
    }
    const reason = array.reason === "idx-not-idx" && !isGzip(bytes) ? "data-not-gzip" : "data-wrong-content";
    return { reason, message: `${where} is not the data file: ${array.message}`, remedy };
  }
  if (array.shape.join() !== expectation.shape.join()) {
    return {
      reason: "data-wrong-shape",
      message: `${where} holds [${array.shape.join(", ")}], expected [${expectation.shape.join(", ")}]`,
      remedy,
    };
  }
  if (expectation.digest !== undefined) {
    const found = sha256(content);
    if (found !== expectation.digest) {
      return {
        reason: "data-wrong-content",
        message: `${where} has the right shape but not the official content: SHA-256 ${found}, expected ${expectation.digest}`,
        remedy,
      };
    }
  }
  return array;
}

export function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

function isGzip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}

function unwrap(bytes: Uint8Array): Uint8Array | "truncated" | "corrupt" {
  try {
    const { buffer, byteOffset, byteLength } = gunzipSync(bytes);
    return new Uint8Array(buffer, byteOffset, byteLength);
  } catch (error) {
    // zlib's own code for a stream that ends early; all others mean flipped bytes.
    return (error as NodeJS.ErrnoException).code === "Z_BUF_ERROR" ? "truncated" : "corrupt";
  }
}
