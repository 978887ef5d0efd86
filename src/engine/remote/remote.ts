import { createHash } from "node:crypto";
import { closeSync, openSync, rmSync, statSync, writeSync } from "node:fs";
import { open } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import { parseRecord, recordText } from "../action-cache.ts";
import type { Cas } from "../cas.ts";
import { digestOf, isDigest, short } from "../digest.ts";
import type { RemoteTally } from "../event.ts";
import type { ActionRecord, OutResult } from "../outcome.ts";
import type { Digest, Instance, Key } from "../plan.ts";
import type { Store } from "../store.ts";
import { parseTree } from "../tree.ts";
import { encodeActionResult, type NamedBlob, recordIn } from "./action-result.ts";
import type { RemoteConfig } from "./config.ts";
import { type Answer, type Body, bodyOf, Final, openTransport } from "./http.ts";
import { isTrusted, readSigned, signed } from "./signature.ts";

/** What the remote cache has under a key. */
export type Looked =
  | { readonly type: "found"; readonly record: ActionRecord }
  | { readonly type: "absent" }
  /** There is something, and it must not be used; said in a sentence. */
  | { readonly type: "unusable"; readonly why: string }
  /** Nobody knows: it does not answer, or not to us. */
  | { readonly type: "unknown" };

export type Fetched = "here" | "missing" | "corrupted" | "unknown";

/** A cache that several machines share, over HTTP. Nothing that it does or fails to do is an error of a run. */
export interface Remote {
  readonly readOnly: boolean;
  look(key: Key, instance: Pick<Instance, "name" | "outs">): Promise<Looked>;
  /** Has all blobs of an out in the local cache, verified; several at a time. */
  fetch(result: OutResult): Promise<Fetched>;
  /** Whether a blob is there; `undefined` where nobody knows. With `full` its digest is verified, too. */
  has(digest: Digest, bytes: number, full: boolean): Promise<boolean | undefined>;
  /** Sends a result: its blobs, then the record. Returns at once; `finish` waits. */
  push(record: ActionRecord): void;
  /** Sends a result and says whether all of it is there now. */
  send(record: ActionRecord): Promise<boolean>;
  /** Resolves when everything was sent, or cannot be. */
  finish(): Promise<void>;
  tally(): RemoteTally;
  close(): void;
}

/** Beyond this, asking whether a blob is there costs less than sending it. */
const ASK_FROM = 1 << 16;
/** A larger blob is streamed. */
const SMALL = 1 << 20;
const CHUNK = 1 << 20;
const MOST_RECORD = 64 << 20;
const MOST_TREE = 256 << 20;
/** Results that are sent at a time; the others wait as records, whose blobs are in the local cache. */
const SENDERS = 4;
const EMPTY = digestOf("");

export function openRemote(
  config: RemoteConfig,
  store: Store,
  cas: Cas,
  signal: AbortSignal,
  warn: (message: string) => void,
): Remote {
  const { url, trusted, signingKey } = config;
  /** Each kind of trouble is told once: what it says of one request, it would say of each. */
  const told = new Set<string>();
  const tell = (kind: string, message: string): void => {
    if (told.has(kind) || signal.aborted) return;
    told.add(kind);
    warn(message);
  };
  const transport = openTransport(config, signal, (why) =>
    tell("trouble", `the remote cache ${url} cannot be used: ${why}; the run goes on without it`),
  );
  let mayRead = true;
  let mayWrite = !config.readOnly;
  if (signingKey !== undefined && trusted.length > 0 && !isTrusted(signingKey, trusted)) {
    tell("key", "the key that PIPELINE_REMOTE_KEY names is not among remote.trusted: nobody will take what it signs");
  }
  const counts = { hits: 0, misses: 0, blobsFetched: 0, bytesFetched: 0, resultsSent: 0, blobsSent: 0, bytesSent: 0 };
  const fetching = new Map<Digest, Promise<Fetched>>();
  const sending = new Map<Digest, Promise<boolean>>();
  const present = new Set<Digest>();
  /** What it has under these digests are other bytes. */
  const bad = new Set<Digest>();

  /** What an answer that is none says of the cache as a whole. */
  const judge = (answer: Answer<unknown>, writing: boolean): void => {
    if (answer.type === "failed" && !answer.quiet) {
      tell(
        "trouble",
        `the remote cache ${url} has left a request without an answer: ${answer.why}; the run goes on by itself there`,
      );
    }
    if (answer.type !== "refused") return;
    const { status } = answer;
    const who = status === 401 || status === 403;
    const hint =
      config.authorization === undefined
        ? "set PIPELINE_REMOTE_TOKEN, or PIPELINE_REMOTE_LOGIN=user:password"
        : "check PIPELINE_REMOTE_TOKEN or PIPELINE_REMOTE_LOGIN";
    if (!writing) {
      mayRead = false;
      mayWrite = false;
      const remedy = who ? hint : "is it the URL of a cache?";
      tell("refused", `the remote cache ${url} refuses to be read (${status}): ${remedy}; the run goes on without it`);
      return;
    }
    if (status === 413) {
      tell("large", `the remote cache ${url} does not take blobs that large (413): such results are not sent`);
      return;
    }
    mayWrite = false;
    const remedy = who ? `${hint}, or say --remote-read-only` : "it may be read-only: say --remote-read-only";
    tell("refused", `the remote cache ${url} refuses to be written (${status}): ${remedy}; it is only read`);
  };

  const look = async (key: Key, instance: Pick<Instance, "name" | "outs">): Promise<Looked> => {
    if (!mayRead) return { type: "unknown" };
    const answer = await transport.send({
      method: "GET",
      path: `ac/${key}`,
      read: (response) => bodyOf(response, MOST_RECORD),
    });
    if (answer.type === "absent") {
      counts.misses++;
      return answer;
    }
    if (answer.type !== "ok") {
      judge(answer, false);
      return { type: "unknown" };
    }
    const unusable = (why: string): Looked => {
      counts.misses++;
      return { type: "unusable", why: `what the remote cache has of ${instance.name} (${short(key)}) ${why}` };
    };
    const text = recordIn(answer.value) ?? answer.value.toString("utf8");
    const { record: own, signature } = readSigned(text, trusted);
    if (trusted.length > 0 && signature !== "good") {
      const why = signature === "missing" ? "is not signed" : "is signed by nobody whom remote.trusted names";
      return unusable(`${why}; it counts as missing`);
    }
    const record = parseRecord(own, key);
    if (typeof record === "string") return unusable(`${record}; it counts as missing`);
    if (!fits(record, instance)) return unusable("does not fit its outs; it counts as missing");
    counts.hits++;
    return { type: "found", record };
  };

  const fetchBlob = (digest: Digest, most: number): Promise<Fetched> => {
    if (cas.has(digest)) return Promise.resolve("here");
    if (digest === EMPTY) {
      cas.putBytes("");
      return Promise.resolve("here");
    }
    if (!mayRead) return Promise.resolve("unknown");
    const under = fetching.get(digest);
    if (under !== undefined) return under;
    const fetched = load(digest, most).finally(() => fetching.delete(digest));
    fetching.set(digest, fetched);
    return fetched;
  };

  const load = async (digest: Digest, most: number): Promise<Fetched> => {
    const answer = await transport.send({
      method: "GET",
      path: `cas/${digest}`,
      expected: most,
      async read(response) {
        const temporary = store.scratch("remote");
        try {
          const { found, length } = await receive(response, temporary, most);
          if (found !== digest) throw new WrongBytes(WRONG);
          cas.put(temporary, digest);
          counts.blobsFetched++;
          counts.bytesFetched += length;
        } finally {
          rmSync(temporary, { force: true });
        }
      },
    });
    if (answer.type === "ok") {
      present.add(digest);
      return "here";
    }
    if (answer.type === "absent") return "missing";
    if (answer.type === "failed" && answer.why === WRONG) {
      bad.add(digest);
      return "corrupted";
    }
    judge(answer, false);
    return "unknown";
  };

  const fetch = async (result: OutResult): Promise<Fetched> => {
    const first = await fetchBlob(result.digest, result.kind === "file" ? result.bytes : MOST_TREE);
    if (first !== "here" || result.kind === "file") return first;
    const bytes = cas.read(result.digest);
    const tree = typeof bytes === "string" ? undefined : parseTree(bytes);
    if (tree === undefined) return "corrupted";
    const all = await Promise.all([...new Set(tree.map((file) => file.digest))].map((d) => fetchBlob(d, result.bytes)));
    return all.find((fetched) => fetched !== "here") ?? "here";
  };

  const has = async (digest: Digest, bytes: number, full: boolean): Promise<boolean | undefined> => {
    if (digest === EMPTY || (!full && present.has(digest))) return true;
    const answer = await transport.send<boolean>({
      method: full ? "GET" : "HEAD",
      path: `cas/${digest}`,
      expected: full ? bytes : 0,
      async read(response) {
        if (!full) {
          response.resume();
          return true;
        }
        const sum = createHash("sha256");
        for await (const chunk of response as AsyncIterable<Buffer>) sum.update(chunk);
        return sum.digest("hex") === digest;
      },
    });
    if (answer.type === "absent") return false;
    if (answer.type !== "ok") {
      judge(answer, false);
      return undefined;
    }
    if (answer.value) present.add(digest);
    return answer.value;
  };

  const put = async (path: string, body: Body): Promise<boolean> => {
    const answer = await transport.send({
      method: "PUT",
      path,
      body,
      async read(response) {
        response.resume();
      },
    });
    if (answer.type === "ok") return true;
    // A blob that is damaged here says nothing of the server: `cache check` finds it.
    if (answer.type !== "failed" || answer.why !== DAMAGED) judge(answer, true);
    return false;
  };

  const sendBlob = ({ digest, bytes }: NamedBlob): Promise<boolean> => {
    if (digest === EMPTY || present.has(digest)) return Promise.resolve(true);
    const under = sending.get(digest);
    if (under !== undefined) return under;
    const sent = upload(digest, bytes).finally(() => sending.delete(digest));
    sending.set(digest, sent);
    return sent;
  };

  const upload = async (digest: Digest, bytes: number): Promise<boolean> => {
    if (bytes >= ASK_FROM && !bad.has(digest) && (await has(digest, bytes, false)) === true) return true;
    if (!mayWrite || !(await put(`cas/${digest}`, bodyFrom(store.blob(digest), digest, bytes, cas)))) return false;
    present.add(digest);
    bad.delete(digest);
    counts.blobsSent++;
    counts.bytesSent += bytes;
    return true;
  };

  const send = async (record: ActionRecord): Promise<boolean> => {
    if (!mayWrite || signal.aborted) return false;
    const blobs = namedBlobs(record, store, cas);
    if (blobs === undefined) return false;
    const distinct = [...new Map(blobs.map((blob) => [blob.digest, blob])).values()];
    if (!(await Promise.all(distinct.map(sendBlob))).every(Boolean)) return false;
    const content = encodeActionResult(signed(recordText(record), signingKey), blobs);
    if (!mayWrite || !(await put(`ac/${record.key}`, { length: content.length, open: () => content }))) return false;
    counts.resultsSent++;
    return true;
  };

  const queue: ActionRecord[] = [];
  const senders = new Set<Promise<void>>();
  const work = async (): Promise<void> => {
    for (let record = queue.shift(); record !== undefined; record = queue.shift()) await send(record);
  };

  return {
    readOnly: config.readOnly,
    look,
    fetch,
    has,
    send,
    push(record) {
      if (!mayWrite || signal.aborted) return;
      queue.push(record);
      if (senders.size >= SENDERS) return;
      const sender = work().finally(() => senders.delete(sender));
      senders.add(sender);
    },
    async finish() {
      while (senders.size > 0) await Promise.all(senders);
    },
    tally: () => ({ ...counts, requests: transport.requests() }),
    close: () => transport.close(),
  };
}

const WRONG = "its bytes are others than their digest says";
const DAMAGED = "the blob is damaged here";

class WrongBytes extends Final {}

/** Whether a record says of an instance what the plan says: the bytes are verified, this is all there is to the rest. */
function fits(
  { instance, outs, seconds }: ActionRecord,
  { name, outs: planned }: Pick<Instance, "name" | "outs">,
): boolean {
  return (
    instance === name &&
    typeof seconds === "number" &&
    planned.every((out) => {
      const result = outs[out.name];
      if (result?.kind !== out.kind || !isDigest(result.digest)) return false;
      if (!Number.isSafeInteger(result.bytes) || result.bytes < 0) return false;
      return result.kind === "directory" ? Number.isSafeInteger(result.files) : typeof result.executable === "boolean";
    })
  );
}

/** Every blob of a result with its size; `undefined` where one is gone. */
export function namedBlobs({ outs }: Pick<ActionRecord, "outs">, store: Store, cas: Cas): NamedBlob[] | undefined {
  const found: NamedBlob[] = [];
  for (const [name, { digest, ...out }] of Object.entries(outs)) {
    found.push({ path: name, digest, bytes: 0, executable: out.kind === "file" && out.executable });
    if (out.kind === "file") continue;
    const bytes = cas.read(digest);
    const tree = typeof bytes === "string" ? undefined : parseTree(bytes);
    if (tree === undefined) return undefined;
    for (const file of tree) found.push({ ...file, path: `${name}/${file.path}`, bytes: 0 });
  }
  const sized = found.flatMap((blob) => {
    const stats = statSync(store.blob(blob.digest), { throwIfNoEntry: false });
    return stats === undefined ? [] : [{ ...blob, bytes: stats.size }];
  });
  return sized.length === found.length ? sized : undefined;
}

/** Writes what comes to a file and hashes it on the way. */
async function receive(
  response: IncomingMessage,
  temporary: string,
  most: number,
): Promise<{ readonly found: string; readonly length: number }> {
  const sum = createHash("sha256");
  const file = openSync(temporary, "wx", 0o600);
  let length = 0;
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      length += chunk.length;
      // It is wrong already, and must not fill the disk.
      if (length > most) throw new WrongBytes(WRONG);
      sum.update(chunk);
      for (let at = 0; at < chunk.length; ) at += writeSync(file, chunk, at);
    }
  } finally {
    closeSync(file);
  }
  return { found: sum.digest("hex"), length };
}

/** A blob of the local cache, verified before its last byte is sent: a server keeps no request that was broken off. */
function bodyFrom(path: string, digest: Digest, length: number, cas: Cas): Body {
  return {
    length,
    open() {
      if (length > SMALL) return chunksOf(path, digest);
      const bytes = cas.read(digest);
      if (typeof bytes === "string" || bytes.length !== length) throw new Final(DAMAGED);
      return bytes;
    },
  };
}

async function* chunksOf(path: string, digest: Digest): AsyncGenerator<Uint8Array> {
  const file = await open(path, "r").catch(() => {
    throw new Final(DAMAGED);
  });
  try {
    const sum = createHash("sha256");
    let held: Buffer | undefined;
    for (;;) {
      const buffer = Buffer.allocUnsafe(CHUNK);
      const { bytesRead } = await file.read(buffer, 0, CHUNK);
      if (bytesRead === 0) break;
      if (held !== undefined) yield held;
      held = buffer.subarray(0, bytesRead);
      sum.update(held);
    }
    if (sum.digest("hex") !== digest || held === undefined) throw new Final(DAMAGED);
    yield held;
  } finally {
    await file.close();
  }
}
