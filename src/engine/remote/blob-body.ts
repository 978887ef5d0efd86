import { createHash } from "node:crypto";
import { open } from "node:fs/promises";
import type { Cas } from "../cache/cas.ts";
import type { Digest } from "../plan/plan.ts";
import { Final } from "./content.ts";
import type { Body } from "./request.ts";

/** Why a request has ended where the local blob is not what its name says. */
export const DAMAGED = "the blob is damaged here";

/** A larger blob is streamed. */
const SMALL = 1 << 20;
const CHUNK = 1 << 20;

/**
 * A blob of the local cache, verified before its last byte is sent: a server keeps no request that was broken off.
 * `sending` is told how much of it has been handed over in the present attempt.
 */
export function bodyFrom(
  path: string,
  digest: Digest,
  length: number,
  cas: Cas,
  sending: (bytes: number) => void,
): Body {
  return {
    length,
    open() {
      sending(0);
      if (length > SMALL) return chunksOf(path, digest, sending);
      const bytes = cas.read(digest);
      if (typeof bytes === "string" || bytes.length !== length) throw new Final(DAMAGED);
      return bytes;
    },
  };
}

async function* chunksOf(path: string, digest: Digest, sending: (bytes: number) => void): AsyncGenerator<Uint8Array> {
  const file = await open(path, "r").catch(() => {
    throw new Final(DAMAGED);
  });
  try {
    const sum = createHash("sha256");
    let held: Buffer | undefined;
    let sent = 0;
    for (;;) {
      const buffer = Buffer.allocUnsafe(CHUNK);
      const { bytesRead } = await file.read(buffer, 0, CHUNK);
      if (bytesRead === 0) break;
      if (held !== undefined) {
        yield held;
        sent += held.length;
        sending(sent);
      }
      held = buffer.subarray(0, bytesRead);
      sum.update(held);
    }
    if (sum.digest("hex") !== digest || held === undefined) throw new Final(DAMAGED);
    yield held;
  } finally {
    await file.close();
  }
}
