import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { onTestFinished } from "vitest";

export interface Seen {
  readonly method: string;
  /** `ac/…` or `cas/…` */
  readonly path: string;
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
  count(method: string, kind: "ac" | "cas"): number;
  /** Forgets what was seen. */
  reset(): void;
  /** No connection is answered any more, and those that are open end. */
  stop(): Promise<void>;
}

export async function startCacheServer(): Promise<CacheServer> {
  const entries = new Map<string, Buffer>();
  const seen: Seen[] = [];
  const asked = new Map<string, number>();
  const sockets = new Set<Socket>();
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { method = "", url = "", headers } = request;
    const path = url.replace(/^\/+(study\/)?/, "");
    const nth = asked.get(`${method} ${path}`) ?? 0;
    asked.set(`${method} ${path}`, nth + 1);
    const fault = server.fault({ method, path, nth });
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    const answer = (status: number, content?: Buffer, more: Readonly<Record<string, string>> = {}): void => {
      seen.push({ method, path, authorization: headers.authorization, bytes: body.length, status });
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
    answer(200, content);
  };
  const http = createServer((request, response) => {
    // A client that breaks off has stored nothing.
    handle(request, response).catch(() => response.destroy());
  });
  http.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  await new Promise<void>((done) => http.listen(0, "127.0.0.1", done));
  const { port } = http.address() as AddressInfo;
  const server: CacheServer = {
    url: `http://127.0.0.1:${port}/study`,
    entries,
    seen,
    fault: () => undefined,
    only: undefined,
    count: (method, kind) => seen.filter((one) => one.method === method && one.path.startsWith(`${kind}/`)).length,
    reset() {
      seen.length = 0;
      asked.clear();
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
