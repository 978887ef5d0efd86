import { type ClientRequest, Agent as HttpAgent, request as httpRequest, type IncomingMessage } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { RemoteConfig } from "./config.ts";
import { type Content, contentOf, Final } from "./content.ts";

export interface RemoteRequest<T> {
  readonly method: "GET" | "HEAD" | "PUT";
  /** Below the cache's URL. */
  readonly path: string;
  readonly body?: Body;
  /** How many bytes the answer may have: it decides how long it may take. */
  readonly expected?: number;
  /** Reads the body of a good answer; what it throws is a failed attempt. */
  read(content: Content): Promise<T>;
}

export interface Body {
  readonly length: number;
  /** From the start, each time; what it throws breaks the request off, so that a server keeps nothing of it. */
  open(): Buffer | AsyncIterable<Uint8Array>;
}

export interface Reply<T> {
  readonly status: number;
  readonly retryAfter: string | undefined;
  /** The origin that it has come from, where a redirect has led away from the cache's. */
  readonly elsewhere?: string;
  /** Of a good answer. */
  readonly value?: T;
}

export interface Requester {
  /** One request, with the redirects it leads to; rejects where there is no whole answer. */
  send<T>(request: RemoteRequest<T>): Promise<Reply<T>>;
  /** So many so far, each redirect counted. */
  requests(): number;
  close(): void;
}

const REDIRECTS = 4;
/** Slower than this, in bytes a second, is as good as nothing. */
const SLOWEST = 16_384;
/** A body of this size waits until the server says that it wants it, but not for ever. */
const ASK_FROM = 1 << 20;
const CONTINUE_MS = 1000;
/** A server may close an idle connection just when it is used again: so many in a row. */
const STALE = 4;

/** Single requests over connections that are kept open, at most `connections` of them. */
export function openRequester(config: RemoteConfig, connections: number, signal: AbortSignal): Requester {
  const agents = {
    "http:": new HttpAgent({ keepAlive: true, maxSockets: connections }),
    "https:": new HttpsAgent({ keepAlive: true, maxSockets: connections }),
  };
  const base = new URL(config.url);
  let requests = 0;
  let asks = true;

  const attempt = <T>(url: URL, { method, body, expected = 0, read }: RemoteRequest<T>): Promise<Raw<T>> =>
    new Promise((fulfil, reject) => {
      requests++;
      const secure = url.protocol === "https:";
      const asking = asks && body !== undefined && body.length >= ASK_FROM;
      const request = (secure ? httpsRequest : httpRequest)(url, {
        method,
        agent: agents[secure ? "https:" : "http:"],
        headers: {
          "Accept-Encoding": "identity",
          "User-Agent": "gd-instabilities",
          ...(body === undefined ? {} : { "Content-Length": body.length, "Content-Type": "application/octet-stream" }),
          ...(asking ? { Expect: "100-continue" } : {}),
          // Where a redirect leads, nobody is told who we are.
          ...(url.origin === base.origin && config.authorization !== undefined
            ? { Authorization: config.authorization }
            : {}),
        },
      });
      const end = (why: string): void => void request.destroy(new Error(why));
      const whole = 3 * config.timeoutMs + (((body?.length ?? 0) + expected) / SLOWEST) * 1000;
      const clock = setTimeout(() => end("it is too slow"), Math.min(whole, 2 ** 31 - 1));
      const abort = (): void => end("interrupted");
      let patience: NodeJS.Timeout | undefined;
      const over = (): void => {
        clearTimeout(clock);
        clearTimeout(patience);
        signal.removeEventListener("abort", abort);
      };
      let [answered, begun] = [false, false];
      const lose = (error: unknown): void => {
        over();
        request.destroy();
        // Of a large body nothing has been sent until the server has said something.
        const stale = !answered && request.reusedSocket && brokeOff(error) && !(asking && begun);
        reject(stale ? new Stale() : error);
      };
      signal.addEventListener("abort", abort);
      request.setTimeout(config.timeoutMs, () => end(`it did not answer for ${config.timeoutMs / 1000} s`));
      request.on("error", lose);
      request.on("response", (response) => {
        answered = true;
        response.on("error", lose);
        const { statusCode: status = 0, headers } = response;
        const raw = { status, location: headers.location, retryAfter: headers["retry-after"], asking };
        if (status >= 200 && status <= 299) {
          readAll(response, read).then((value) => {
            over();
            fulfil({ ...raw, value });
          }, lose);
          return;
        }
        over();
        // It need not take the rest of the body.
        if (body !== undefined && !request.writableFinished) request.destroy();
        else response.resume();
        fulfil(raw);
      });
      if (body === undefined) {
        request.end();
        return;
      }
      const begin = (): void => {
        clearTimeout(patience);
        if (begun || answered) return;
        begun = true;
        send(request, body).catch(lose);
      };
      if (!asking) begin();
      else {
        request.on("continue", begin);
        patience = setTimeout(begin, CONTINUE_MS);
        request.flushHeaders();
      }
    });

  /** Again where a connection that was kept open has turned out to be closed: that says nothing of the server. */
  const lively = async <T>(url: URL, request: RemoteRequest<T>): Promise<Raw<T>> => {
    for (let count = 0; ; count++) {
      try {
        return await attempt(url, request);
      } catch (error) {
        if (!(error instanceof Stale)) throw error;
        if (count === STALE) throw new Error("it breaks connections off");
      }
    }
  };

  return {
    async send(request) {
      let url = new URL(`${config.url}/${request.path}`);
      for (let turn = 0; ; turn++) {
        const { location, asking, ...reply } = await lively(url, request);
        if (reply.status === 417 && asking) {
          // It does not know `Expect`.
          asks = false;
          continue;
        }
        const from = url.origin === base.origin ? {} : { elsewhere: url.origin };
        if (!leads(reply.status, request.method) || location === undefined || turn === REDIRECTS)
          return { ...reply, ...from };
        const next = new URL(location, url);
        if (!agents[next.protocol as keyof typeof agents]) return { ...reply, ...from };
        // Who can change what is sent in the clear could say what he likes of a key.
        if (url.protocol === "https:" && next.protocol === "http:") throw new Final("it leads from https to http");
        url = next;
      }
    },
    requests: () => requests,
    close() {
      for (const agent of Object.values(agents)) agent.destroy();
    },
  };
}

/** A 303 says that nothing is to be sent again. */
function leads(status: number, method: string): boolean {
  return [301, 302, 307, 308].includes(status) || (status === 303 && method !== "PUT");
}

interface Raw<T> extends Omit<Reply<T>, "elsewhere"> {
  readonly location: string | undefined;
  /** Whether it was an answer to `Expect`. */
  readonly asking: boolean;
}

class Stale extends Error {}

async function readAll<T>(response: IncomingMessage, read: RemoteRequest<T>["read"]): Promise<T> {
  return read(contentOf(response));
}

async function send(request: ClientRequest, body: Body): Promise<void> {
  const content = body.open();
  if (Buffer.isBuffer(content)) request.end(content);
  else await pipeline(Readable.from(content), request);
}

function brokeOff(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === "ECONNRESET" || code === "EPIPE";
}
