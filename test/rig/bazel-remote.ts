import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";
import { type ActionResult, decodeActionResult, encodeActionResult } from "./action-result-proto.ts";

/** As its flags of the same names. */
export interface BazelRemoteOptions {
  /** Bytes, where the flag has GiB. */
  readonly maxSize?: number;
  readonly maxBlobSize?: number;
  readonly disableHttpAcValidation?: boolean;
  readonly enableAcKeyInstanceMangling?: boolean;
  /** `user:password`, where the flag names a file of such. */
  readonly htpasswd?: string;
  readonly allowUnauthenticatedReads?: boolean;
}

export interface BazelRemote {
  /** Without an instance name. */
  readonly url: string;
  /** `PUT cas 200`, in order. */
  readonly seen: string[];
  readonly encodings: Set<string>;
  /** `cas/…`, `ac/…` or `raw/…`, the least recently used first. */
  keys(): string[];
  get(key: string): Buffer | undefined;
}

const EMPTY = createHash("sha256").digest("hex");
const NAME = /^\/?(.*\/)?(ac|cas)\/([a-f0-9]{64})$/;
const BLOCK = 4096;

/**
 * A double of bazel-remote 2 (https://github.com/buchgr/bazel-remote), for the HTTP part of what its README and its source
 * say; it cannot be installed from the registries that the tests may use. Each behaviour names where it is found there.
 * Not doubled: gRPC, the proxies behind it, mTLS, LDAP, metrics, the layout of its folder, and zstd, which a client has to
 * ask for (README, "HTTP/1.1 REST API"): `encodings` shows whether one did.
 */
export async function startBazelRemote(options: BazelRemoteOptions = {}): Promise<BazelRemote> {
  const { maxSize = Number.POSITIVE_INFINITY, maxBlobSize = Number.POSITIVE_INFINITY } = options;
  const validates = options.disableHttpAcValidation !== true;
  // cache/disk/lru.go: the least recently used goes first, and sizes are counted in blocks of 4 KiB.
  const entries = new Map<string, Buffer>();
  const seen: string[] = [];
  const encodings = new Set<string>();
  const sizeOf = ({ length }: Buffer): number => Math.ceil(length / BLOCK) * BLOCK;
  const total = (): number => [...entries.values()].reduce((sum, bytes) => sum + sizeOf(bytes), 0);
  const use = (key: string): Buffer | undefined => {
    const bytes = entries.get(key);
    if (bytes === undefined) return undefined;
    entries.delete(key);
    entries.set(key, bytes);
    return bytes;
  };

  /** cache/disk/disk.go, GetValidatedActionResult: a record one of whose blobs is gone, or has another size, is not there. */
  const validated = (key: string): Buffer | undefined => {
    const bytes = use(key);
    const result = bytes && decodeActionResult(bytes);
    if (result === undefined) return undefined;
    const whole = result.outputFiles.every(({ digest: { hash, size } }) =>
      hash === EMPTY ? size === 0 : use(`cas/${hash}`)?.length === size,
    );
    return whole ? bytes : undefined;
  };

  /** server/http.go, CacheHandler, case MethodPut. */
  const put = (key: string, declared: number | undefined, encoding: string, body: Buffer): number => {
    if (declared === undefined) return 400;
    const [kind, hash] = key.split("/") as [string, string];
    if (declared === 0 && kind === "cas" && hash !== EMPTY) return 400;
    // Not 413: `Blob size %d exceeds maximum allowed size %d` is a bad request.
    if (declared > maxBlobSize) return 400;
    if (encoding !== "" && encoding !== "identity") return 400;
    let content = body;
    if (kind === "ac") {
      const result = decodeActionResult(body);
      if (result === undefined || !isValid(result)) return 400;
      // addWorkerMetadataHTTP: so that no record is empty.
      content = encodeActionResult({ ...result, worker: result.worker ?? "127.0.0.1" });
    }
    if (kind === "cas" && hash === EMPTY) return 200;
    // cache/disk/disk.go, Put: `The item + reserved space is larger than the cache's maximum size`.
    if (sizeOf(content) > maxSize) return 507;
    // casblob.WriteAndClose: what does not have its digest is an internal error.
    if (kind === "cas" && createHash("sha256").update(content).digest("hex") !== hash) return 500;
    entries.delete(key);
    entries.set(key, content);
    for (const oldest of entries.keys()) {
      if (total() <= maxSize) break;
      entries.delete(oldest);
    }
    return 200;
  };

  /** main.go: basicAuthWrapper, or unauthenticatedReadWrapper with --allow_unauthenticated_reads. */
  const lets = (method: string, authorization: string | undefined): boolean => {
    if (options.htpasswd === undefined) return true;
    if (options.allowUnauthenticatedReads && (method === "GET" || method === "HEAD")) return true;
    return authorization === `Basic ${Buffer.from(options.htpasswd).toString("base64")}`;
  };

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { method = "", url = "", headers } = request;
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const [, instance = "", kind = "", hash = ""] = NAME.exec(url) ?? [];
    const answer = (status: number, content: Buffer = Buffer.alloc(0), more: Record<string, string> = {}): void => {
      seen.push(`${method} ${kind === "" ? url : kind} ${status}`);
      response.writeHead(status, { ...more, "Content-Length": content.length });
      response.end(method === "HEAD" ? undefined : content);
    };
    for (const encoding of (headers["accept-encoding"] ?? "").split(/[ ,]+/)) encodings.add(encoding);
    if (!lets(method, headers.authorization)) return answer(401, undefined, { "WWW-Authenticate": 'Basic realm=""' });
    if (url === "/status") {
      // README, "Useful endpoints".
      const status = { CurrSize: total(), ReservedSize: 0, MaxSize: maxSize, NumFiles: entries.size };
      return answer(200, Buffer.from(JSON.stringify(status)), { "Content-Type": "application/json" });
    }
    // parseRequestURL: whatever stands before /ac and /cas is the instance name.
    if (kind === "") return answer(400);
    const mangled = options.enableAcKeyInstanceMangling === true && kind === "ac" && instance !== "";
    const name = mangled ? createHash("sha256").update(hash).update(instance.replace(/\/$/, "")).digest("hex") : hash;
    const key = `${kind === "ac" && !validates ? "raw" : kind}/${name}`;
    if (method === "PUT") {
      const length = headers["content-length"];
      const declared = length === undefined ? undefined : Number(length);
      return answer(put(key, declared, headers["content-encoding"] ?? "", Buffer.concat(chunks)));
    }
    if (method !== "GET" && method !== "HEAD") return answer(405);
    // README: the empty blob is always there.
    const found = key === `cas/${EMPTY}` ? Buffer.alloc(0) : kind === "ac" && validates ? validated(key) : use(key);
    if (found === undefined) return answer(404, Buffer.from("Not found\n"));
    answer(200, found, { "Content-Type": "application/octet-stream" });
  };

  const http = createServer((request, response) => {
    handle(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((done) => http.listen(0, "127.0.0.1", done));
  onTestFinished(
    () =>
      new Promise<void>((done) => {
        http.close(() => done());
        http.closeAllConnections();
      }),
  );
  return {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
    seen,
    encodings,
    keys: () => [...entries.keys()],
    get: (key) => entries.get(key),
  };
}

/** utils/validate/action_result.go */
function isValid({ outputFiles }: ActionResult): boolean {
  return outputFiles.every(
    ({ path, digest: { hash, size } }) =>
      path !== "" && !path.startsWith("/") && /^[a-f0-9]{64}$/.test(hash) && size >= 0 && (size > 0 || hash === EMPTY),
  );
}
