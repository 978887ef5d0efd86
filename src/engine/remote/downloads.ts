import { createHash } from "node:crypto";
import { closeSync, openSync, rmSync, writeSync } from "node:fs";
import type { Cas } from "../cache/cas.ts";
import type { Store } from "../files/store.ts";
import { parseTree } from "../files/tree.ts";
import { digestOf } from "../plan/digest.ts";
import type { OutResult } from "../plan/outcome.ts";
import type { Digest } from "../plan/plan.ts";
import type { Access } from "./access.ts";
import { type Content, Doubtful, Final } from "./content.ts";
import type { Transport } from "./http.ts";

export type Fetched = "here" | "missing" | "corrupted" | "unknown";

/** Brings blobs of the remote cache into the local one. */
export interface Downloads {
  /** Has all blobs of an out here, verified; several at a time. */
  fetch(result: OutResult): Promise<Fetched>;
  tally(): { readonly blobsFetched: number; readonly bytesFetched: number };
}

/** What is known by now of the blobs of the remote cache. */
export interface Holdings {
  readonly present: Set<Digest>;
  /** What it has under these digests are other bytes. */
  readonly bad: Set<Digest>;
}

/** No blob at all: neither sent nor asked for. */
export const EMPTY: Digest = digestOf("");
const MOST_TREE = 256 << 20;

export function openDownloads(
  transport: Transport,
  access: Access,
  { present, bad }: Holdings,
  store: Store,
  cas: Cas,
): Downloads {
  const under = new Map<Digest, Promise<Fetched>>();
  let [blobsFetched, bytesFetched] = [0, 0];

  const fetchBlob = (digest: Digest, most: number): Promise<Fetched> => {
    if (cas.has(digest)) return Promise.resolve("here");
    if (digest === EMPTY) {
      cas.putBytes("");
      return Promise.resolve("here");
    }
    if (!access.mayRead) return Promise.resolve("unknown");
    const known = under.get(digest);
    if (known !== undefined) return known;
    const fetched = load(digest, most).finally(() => under.delete(digest));
    under.set(digest, fetched);
    return fetched;
  };

  const load = async (digest: Digest, most: number): Promise<Fetched> => {
    const answer = await transport.send({
      method: "GET",
      path: `cas/${digest}`,
      expected: most,
      async read(content) {
        const temporary = store.scratch("remote");
        try {
          const { found, length } = await receive(content, temporary, most);
          // A body whose end nobody marks may have been cut: another attempt tells.
          if (found !== digest) throw new (content.delimited ? Final : Doubtful)(WRONG);
          cas.put(temporary, digest);
          blobsFetched++;
          bytesFetched += length;
        } finally {
          rmSync(temporary, { force: true });
        }
      },
    });
    if (answer.type === "ok") {
      bad.delete(digest);
      present.add(digest);
      return "here";
    }
    if (answer.type === "absent") return "missing";
    if (answer.type === "failed" && answer.why === WRONG) {
      bad.add(digest);
      return "corrupted";
    }
    access.judge(answer, false);
    return "unknown";
  };

  return {
    async fetch(result) {
      const first = await fetchBlob(result.digest, result.kind === "file" ? result.bytes : MOST_TREE);
      if (first !== "here" || result.kind === "file") return first;
      const bytes = cas.read(result.digest);
      const tree = typeof bytes === "string" ? undefined : parseTree(bytes);
      if (tree === undefined) return "corrupted";
      const distinct = [...new Set(tree.map((file) => file.digest))];
      const all = await Promise.all(distinct.map((digest) => fetchBlob(digest, result.bytes)));
      return all.find((fetched) => fetched !== "here") ?? "here";
    },
    tally: () => ({ blobsFetched, bytesFetched }),
  };
}

const WRONG = "its bytes are others than their digest says";

/** Writes what comes to a file and hashes it on the way. */
async function receive(
  { stream }: Content,
  temporary: string,
  most: number,
): Promise<{ readonly found: string; readonly length: number }> {
  const sum = createHash("sha256");
  const file = openSync(temporary, "wx", 0o600);
  let length = 0;
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      length += chunk.length;
      // It is wrong already, and must not fill the disk.
      if (length > most) throw new Final(WRONG);
      sum.update(chunk);
      for (let at = 0; at < chunk.length; ) at += writeSync(file, chunk, at);
    }
  } finally {
    closeSync(file);
  }
  return { found: sum.digest("hex"), length };
}
