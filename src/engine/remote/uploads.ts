import { createHash } from "node:crypto";
import { statSync } from "node:fs";
import { recordText } from "../cache/action-cache.ts";
import type { Cas } from "../cache/cas.ts";
import type { Store } from "../files/store.ts";
import { parseTree } from "../files/tree.ts";
import type { ActionRecord } from "../plan/outcome.ts";
import type { Digest } from "../plan/plan.ts";
import type { Access } from "./access.ts";
import { encodeActionResult, type NamedBlob } from "./action-result.ts";
import { bodyFrom, DAMAGED } from "./blob-body.ts";
import type { RemoteConfig } from "./config.ts";
import { EMPTY, type Holdings } from "./downloads.ts";
import type { Transport } from "./http.ts";
import type { Body } from "./request.ts";
import { signed } from "./signature.ts";

/** Sends results: their blobs, then their record. */
export interface Uploads {
  /** Sends a result and says whether all of it is there now. */
  send(record: ActionRecord): Promise<boolean>;
  /** Whether a blob is there; `undefined` where nobody knows. With `full` its digest is verified, too. */
  has(digest: Digest, bytes: number, full: boolean): Promise<boolean | undefined>;
  /** Bytes handed over of blobs that are on their way. */
  underWay(): number;
  tally(): { readonly resultsSent: number; readonly blobsSent: number; readonly bytesSent: number };
}

/** Beyond this, asking whether a blob is there costs less than sending it. */
const ASK_FROM = 1 << 16;

export function openUploads(
  transport: Transport,
  access: Access,
  { present, bad }: Holdings,
  { signingKey }: RemoteConfig,
  store: Store,
  cas: Cas,
  signal: AbortSignal,
): Uploads {
  const sending = new Map<Digest, Promise<boolean>>();
  const handedOver = new Map<Digest, number>();
  let [resultsSent, blobsSent, bytesSent] = [0, 0, 0];

  const has = async (digest: Digest, bytes: number, full: boolean): Promise<boolean | undefined> => {
    if (digest === EMPTY || (!full && present.has(digest))) return true;
    const answer = await transport.send<boolean>({
      method: full ? "GET" : "HEAD",
      path: `cas/${digest}`,
      expected: full ? bytes : 0,
      async read({ stream }) {
        if (!full) {
          stream.resume();
          return true;
        }
        const sum = createHash("sha256");
        for await (const chunk of stream as AsyncIterable<Buffer>) sum.update(chunk);
        return sum.digest("hex") === digest;
      },
    });
    if (answer.type === "absent") return false;
    if (answer.type !== "ok") {
      access.judge(answer, false);
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
      async read({ stream }) {
        stream.resume();
      },
    });
    if (answer.type === "ok") {
      access.took();
      return true;
    }
    // A blob that is damaged here says nothing of the server: `cache check` finds it.
    if (answer.type !== "failed" || answer.why !== DAMAGED) access.judge(answer, true);
    return false;
  };

  const upload = async (digest: Digest, bytes: number): Promise<boolean> => {
    if (bytes >= ASK_FROM && !bad.has(digest) && (await has(digest, bytes, false)) === true) return true;
    if (!access.mayWrite) return false;
    const body = bodyFrom(store.blob(digest), digest, bytes, cas, (sent) => handedOver.set(digest, sent));
    try {
      if (!(await put(`cas/${digest}`, body))) return false;
    } finally {
      handedOver.delete(digest);
    }
    present.add(digest);
    bad.delete(digest);
    blobsSent++;
    bytesSent += bytes;
    return true;
  };

  const sendBlob = ({ digest, bytes }: NamedBlob): Promise<boolean> => {
    if (digest === EMPTY || present.has(digest)) return Promise.resolve(true);
    const under = sending.get(digest);
    if (under !== undefined) return under;
    const sent = upload(digest, bytes).finally(() => sending.delete(digest));
    sending.set(digest, sent);
    return sent;
  };

  return {
    has,
    async send(record) {
      if (!access.mayWrite || signal.aborted) return false;
      const blobs = namedBlobs(record, store, cas);
      if (blobs === undefined) return false;
      const distinct = [...new Map(blobs.map((blob) => [blob.digest, blob])).values()];
      if (!(await Promise.all(distinct.map(sendBlob))).every(Boolean)) return false;
      const content = encodeActionResult(signed(recordText(record), signingKey), blobs);
      const body = { length: content.length, open: () => content };
      if (!access.mayWrite || !(await put(`ac/${record.key}`, body))) return false;
      resultsSent++;
      return true;
    },
    underWay: () => [...handedOver.values()].reduce((sum, bytes) => sum + bytes, 0),
    tally: () => ({ resultsSent, blobsSent, bytesSent }),
  };
}

/** Every blob of a result with its size; `undefined` where one is gone. */
function namedBlobs({ outs }: Pick<ActionRecord, "outs">, store: Store, cas: Cas): NamedBlob[] | undefined {
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
