import type { Cas } from "../cache/cas.ts";
import type { Store } from "../files/store.ts";
import type { RemoteTally } from "../plan/event.ts";
import type { ActionRecord, OutResult } from "../plan/outcome.ts";
import type { Digest, Instance, Key } from "../plan/plan.ts";
import { openAccess } from "./access.ts";
import type { RemoteConfig } from "./config.ts";
import { type Fetched, type Holdings, openDownloads } from "./downloads.ts";
import { openTransport } from "./http.ts";
import { type Looked, lookUp } from "./records.ts";
import { openSendQueue, type Unsent } from "./send-queue.ts";
import { isTrusted } from "./signature.ts";
import { openUploads } from "./uploads.ts";

export type { Fetched } from "./downloads.ts";
export type { Looked } from "./records.ts";
export type { Unsent } from "./send-queue.ts";

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
  /** Resolves when everything was sent, or cannot be; where that takes a while, tells what is left. */
  finish(tell: (left: Unsent) => void): Promise<void>;
  /** How many results were not sent because the run was interrupted. */
  givenUp(): number;
  tally(): RemoteTally;
  close(): void;
}

export function openRemote(
  config: RemoteConfig,
  store: Store,
  cas: Cas,
  signal: AbortSignal,
  warn: (message: string) => void,
  otherwise = "; the run goes on without it",
): Remote {
  const { url, trusted, signingKey } = config;
  const access = openAccess(config, signal, warn, otherwise);
  const transport = openTransport(config, signal, (why) =>
    access.tell("trouble", `the remote cache ${url} cannot be used: ${why}${otherwise}`),
  );
  if (signingKey !== undefined && trusted.length > 0 && !isTrusted(signingKey, trusted)) {
    access.tell(
      "key",
      "the key that PIPELINE_REMOTE_KEY names is not among remote.trusted: nobody will take what it signs",
    );
  }
  const holdings: Holdings = { present: new Set(), bad: new Set() };
  const downloads = openDownloads(transport, access, holdings, store, cas);
  const uploads = openUploads(transport, access, holdings, config, store, cas, signal);
  const queue = openSendQueue(uploads, () => access.mayWrite, signal);
  let [hits, misses] = [0, 0];

  return {
    readOnly: config.readOnly,
    async look(key, instance) {
      const looked = await lookUp(transport, access, config, key, instance);
      if (looked.type === "found") hits++;
      else if (looked.type !== "unknown") misses++;
      return looked;
    },
    fetch: downloads.fetch,
    has: uploads.has,
    push: queue.push,
    send: uploads.send,
    finish: queue.finish,
    givenUp: queue.givenUp,
    tally: () => ({ hits, misses, ...downloads.tally(), ...uploads.tally(), requests: transport.requests() }),
    close: transport.close,
  };
}
