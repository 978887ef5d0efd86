import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { onTestFinished } from "vitest";

export interface Seen {
  readonly method: string;
  /** `ac/…` or `cas/…` */
  readonly path: string;
  readonly query?: string;
  readonly authorization: string | undefined;
  /** Of the request's body. */
  readonly bytes: number;
  readonly status: number;
}

/** What is wrong with one answer; `undefined` where nothing is. */
export type Fault =
  | "error"
  | "busy"
  | "truncated"
  | "wrong-bytes"
  | "hangs"
  | "breaks-off"
  /** Content-Encoding: gzip, though nobody asked for it. */
  | "gzip"
  /** Transfer-Encoding: chunked, no Content-Length. */
  | "chunked"
  /** HTTP/1.0's way: the body ends where the connection does. */
  | "endless"
  /** The same, and the connection ends half-way. */
  | "endless-cut"
  | { readonly status: number; readonly headers?: Readonly<Record<string, string>> };

/** A cache that speaks Bazel's HTTP protocol, keeps everything in memory and fails as it is told. */
export interface CacheServer {
  readonly url: string;
  readonly entries: Map<string, Buffer>;
  readonly seen: Seen[];
  /** Asked for each request with how often the same was asked before. */
  fault: (request: { readonly method: string; readonly path: string; readonly nth: number }) => Fault | undefined;
  /** Only this Authorization is let in, where one is set. */
  only: string | undefined;
  /** Milliseconds that each answer takes. */
  latency: number;
  /** How many requests were under way at once, at most. */
  readonly together: number;
  /** How many connections were opened. */
  readonly connections: number;
  count(method: string, kind: "ac" | "cas"): number;
  /** Forgets what was seen. */
  reset(): void;
  /** No connection is answered any more, and those that are open end. */
  stop(): Promise<void>;
}

/** From now on nothing is answered; resolves at the first request that waits. */
export function hanging(server: CacheServer): Promise<void> {
  return new Promise((asked) => {
    server.fault = () => {
      asked();
      return "hangs";
    };
  });
}

export interface ServerOptions {
  /** PEM texts: HTTPS. */
  readonly tls?: { readonly key: string; readonly cert: string };
  /** What it answers before a body is sent, where it is asked (`Expect: 100-continue`); goes on where that is nothing. */
  readonly expectation?: (request: IncomingMessage) => Exclude<Fault, string> | undefined;
}

export async function startCacheServer({ tls, expectation }: ServerOptions = {}): Promise<CacheServer> {
  const entries = new Map<string, Buffer>();
  const seen: Seen[] = [];
  const asked = new Map<string, number>();
  const sockets = new Set<Socket>();
  let [under, together, connections] = [0, 0, 0];
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { method = "", url = "", headers } = request;
    const path = pathOf(url);
    const nth = asked.get(`${method} ${path}`) ?? 0;
    asked.set(`${method} ${path}`, nth + 1);
    const fault = server.fault({ method, path, nth });
    under++;
    together = Math.max(together, under);
    response.on("close", () => under--);
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    if (server.latency > 0) await sleep(server.latency);
    const answer = (status: number, content?: Buffer, more: Readonly<Record<string, string>> = {}): void => {
      const [, query] = url.split("?");
      const signed = query === undefined ? {} : { query };
      seen.push({ method, path, ...signed, authorization: headers.authorization, bytes: body.length, status });
      response.writeHead(status, { ...more, "Content-Length": content?.length ?? 0 });
      if (method === "HEAD") response.end();
      else response.end(content);
    };
    if (server.only !== undefined && headers.authorization !== server.only) return answer(401);
    if (fault === "error") return answer(500);
    if (fault === "busy") return answer(429, undefined, { "Retry-After": "0" });
    if (typeof fault === "object") return answer(fault.status, undefined, fault.headers);
    if (fault === "hangs") {
      seen.push({ method, path, authorization: headers.authorization, bytes: body.length, status: 0 });
      return;
    }
    if (fault === "breaks-off") {
      seen.push({ method, path, authorization: headers.authorization, bytes: body.length, status: 0 });
      request.socket.destroy();
      return;
    }
    if (!/^(ac|cas)\/[0-9a-f]{64}$/.test(path)) return answer(400);
    if (method === "PUT") {
      const [kind, name] = path.split("/");
      // As bazel-remote does; and a record must not come before its blobs.
      if (kind === "cas" && createHash("sha256").update(body).digest("hex") !== name) return answer(400);
      entries.set(path, body);
      return answer(201);
    }
    const content = entries.get(path);
    if (content === undefined) return answer(404);
    if (fault === "wrong-bytes") {
      const other = Buffer.from(content);
      other[0] = (other[0] ?? 0) ^ 1;
      return answer(200, other);
    }
    if (fault === "truncated") {
      seen.push({ method, path, authorization: headers.authorization, bytes: body.length, status: 200 });
      response.writeHead(200, { "Content-Length": content.length });
      response.write(content.subarray(0, content.length >> 1), () => request.socket.destroy());
      return;
    }
    if (fault === "gzip") return answer(200, gzipSync(content), { "Content-Encoding": "gzip" });
    if (fault === "chunked" || fault === "endless" || fault === "endless-cut") {
      seen.push({ method, path, authorization: headers.authorization, bytes: body.length, status: 200 });
      response.useChunkedEncodingByDefault = fault === "chunked";
      response.shouldKeepAlive = fault === "chunked";
      response.writeHead(200, fault === "chunked" ? {} : { Connection: "close" });
      response.write(content.subarray(0, content.length >> 1));
      response.end(fault === "endless-cut" ? undefined : content.subarray(content.length >> 1));
      return;
    }
    answer(200, content);
  };
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    // A client that breaks off has stored nothing.
    handle(request, response).catch(() => response.destroy());
  };
  const http = tls === undefined ? createServer(listener) : createSecureServer(tls, listener);
  http.on("checkContinue", (request: IncomingMessage, response: ServerResponse) => {
    const answer = expectation?.(request);
    if (answer === undefined) {
      response.writeContinue();
      listener(request, response);
      return;
    }
    const path = pathOf(request.url ?? "");
    seen.push({ method: request.method ?? "", path, authorization: undefined, bytes: 0, status: answer.status });
    response.writeHead(answer.status, { ...answer.headers, "Content-Length": 0 }).end();
  });
  http.on(tls === undefined ? "connection" : "secureConnection", (socket: Socket) => {
    connections++;
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  await new Promise<void>((done) => http.listen(0, "127.0.0.1", done));
  const { port } = http.address() as AddressInfo;
  const server: CacheServer = {
    url: `${tls === undefined ? "http" : "https"}://127.0.0.1:${port}/study`,
    entries,
    seen,
    fault: () => undefined,
    only: undefined,
    latency: 0,
    get together() {
      return together;
    },
    get connections() {
      return connections;
    },
    count: (method, kind) => seen.filter((one) => one.method === method && one.path.startsWith(`${kind}/`)).length,
    reset() {
      seen.length = 0;
      asked.clear();
      [together, connections] = [0, 0];
    },
    stop: () =>
      new Promise((done) => {
        http.close(() => done());
        for (const socket of sockets) socket.destroy();
      }),
  };
  onTestFinished(() => server.stop());
  return server;
}

/** Below the cache's folder, without a query. */
function pathOf(url: string): string {
  return url.replace(/\?.*$/s, "").replace(/^\/+(study\/)?/, "");
}
