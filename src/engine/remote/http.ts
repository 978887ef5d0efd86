import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { createBreaker } from "./breaker.ts";
import type { RemoteConfig } from "./config.ts";

export interface RemoteRequest<T> {
  readonly method: "GET" | "HEAD" | "PUT";
  /** Below the cache's URL. */
  readonly path: string;
  readonly body?: Body;
  /** How many bytes the answer may have: it decides how long it may take. */
  readonly expected?: number;
  /** Reads the body of a good answer; what it throws is a failed attempt. */
  read(response: IncomingMessage): Promise<T>;
}

export interface Body {
  readonly length: number;
  /** From the start, each time; what it throws breaks the request off, so that a server keeps nothing of it. */
  open(): Buffer | AsyncIterable<Uint8Array>;
}

export type Answer<T> =
  | { readonly type: "ok"; readonly value: T }
  | { readonly type: "absent" }
  | { readonly type: "refused"; readonly status: number }
  /** After all attempts; or nothing was tried, because others have failed before (`quiet`). */
  | { readonly type: "failed"; readonly why: string; readonly quiet: boolean }
  | { readonly type: "aborted" };

export interface Transport {
  send<T>(request: RemoteRequest<T>): Promise<Answer<T>>;
  /** Attempts so far. */
  requests(): number;
  close(): void;
}

/** Requests at a time. */
const PARALLEL = 16;
const ATTEMPTS = 4;
const FIRST_DELAY_MS = 200;
const LONGEST_DELAY_MS = 5000;
/** A server that wants more time than this gets no further attempt. */
const LONGEST_RETRY_AFTER_MS = 30_000;
const REDIRECTS = 4;
/** Slower than this, in bytes a second, is as good as nothing. */
const SLOWEST = 16_384;
/** Thrown where another attempt could give nothing else. */
export class Final extends Error {}

/** Requests to one cache: bounded, with time limits, attempts, and an end to them where the server is down. */
export function openTransport(
  config: RemoteConfig,
  signal: AbortSignal,
  unreachable: (why: string) => void,
): Transport {
  const agents = {
    "http:": new HttpAgent({ keepAlive: true, maxSockets: PARALLEL }),
    "https:": new HttpsAgent({ keepAlive: true, maxSockets: PARALLEL }),
  };
  const breaker = createBreaker(Date.now);
  let requests = 0;
  let running = 0;
  const waiting: (() => void)[] = [];
  const enter = async (): Promise<void> => {
    if (running >= PARALLEL) await new Promise<void>((go) => waiting.push(go));
    else running++;
  };
  const leave = (): void => {
    const next = waiting.shift();
    // Its place goes to the next one.
    if (next === undefined) running--;
    else next();
  };

  const attempt = <T>(url: URL, { method, body, expected = 0, read }: RemoteRequest<T>): Promise<Reply<T>> =>
    new Promise((fulfil, reject) => {
      const secure = url.protocol === "https:";
      const own = url.href.startsWith(`${config.url}/`);
      const request = (secure ? httpsRequest : httpRequest)(url, {
        method,
        agent: agents[secure ? "https:" : "http:"],
        headers: {
          "Accept-Encoding": "identity",
          "User-Agent": "gd-instabilities",
          ...(body === undefined ? {} : { "Content-Length": body.length, "Content-Type": "application/octet-stream" }),
          // Where a redirect leads, nobody is told who we are.
          ...(own && config.authorization !== undefined ? { Authorization: config.authorization } : {}),
        },
      });
      const seconds = config.timeoutMs / 1000;
      const end = (why: string): void => void request.destroy(new Error(why));
      const whole = 3 * config.timeoutMs + (((body?.length ?? 0) + expected) / SLOWEST) * 1000;
      const clock = setTimeout(() => end("it is too slow"), Math.min(whole, 2 ** 31 - 1));
      const abort = (): void => end("interrupted");
      const over = (): void => {
        clearTimeout(clock);
        signal.removeEventListener("abort", abort);
      };
      signal.addEventListener("abort", abort);
      request.setTimeout(config.timeoutMs, () => end(`it did not answer for ${seconds} s`));
      const lose = (error: unknown): void => {
        over();
        request.destroy();
        reject(error);
      };
      request.on("error", lose);
      request.on("response", (response) => {
        const { statusCode: status = 0, headers } = response;
        const reply = { status, location: headers.location, retryAfter: headers["retry-after"] };
        response.on("error", lose);
        if (status < 200 || status > 299) {
          over();
          // It need not take the rest of the body.
          if (body !== undefined && !request.writableFinished) request.destroy();
          else response.resume();
          fulfil(reply);
          return;
        }
        read(response).then((value) => {
          over();
          fulfil({ ...reply, value });
        }, lose);
      });
      if (body === undefined) request.end();
      else {
        try {
          const content = body.open();
          if (Buffer.isBuffer(content)) request.end(content);
          else pipeline(Readable.from(content), request).catch(lose);
        } catch (error) {
          lose(error);
        }
      }
    });

  const follow = async <T>(request: RemoteRequest<T>): Promise<Reply<T>> => {
    let url = new URL(`${config.url}/${request.path}`);
    for (let turn = 0; ; turn++) {
      requests++;
      const reply = await attempt(url, request);
      if (![301, 302, 303, 307, 308].includes(reply.status) || reply.location === undefined || turn === REDIRECTS)
        return reply;
      url = new URL(reply.location, url);
      if (url.protocol !== "http:" && url.protocol !== "https:") return reply;
    }
  };

  const tries = async <T>(request: RemoteRequest<T>): Promise<Answer<T>> => {
    let why = "";
    for (let count = 0; count < ATTEMPTS; count++) {
      if (signal.aborted) return { type: "aborted" };
      if (!breaker.allows()) return { type: "failed", why, quiet: true };
      let after: number | undefined;
      try {
        const { status, value, retryAfter } = await follow(request);
        if (!isTransient(status)) {
          breaker.succeeded();
          if (status >= 200 && status <= 299) return { type: "ok", value: value as T };
          return (status === 404 || status === 410) && request.method !== "PUT"
            ? { type: "absent" }
            : { type: "refused", status };
        }
        why = `it answers ${status}`;
        after = retryAfterMs(retryAfter);
      } catch (error) {
        if (signal.aborted) return { type: "aborted" };
        if (error instanceof Final) {
          breaker.succeeded();
          return { type: "failed", why: error.message, quiet: false };
        }
        why = reasonOf(error);
      }
      if (breaker.failed()) unreachable(why);
      if (count === ATTEMPTS - 1 || (after ?? 0) > LONGEST_RETRY_AFTER_MS) break;
      const backOff = Math.min(FIRST_DELAY_MS * 2 ** count, LONGEST_DELAY_MS) * (0.5 + Math.random() / 2);
      await sleep(Math.max(after ?? 0, backOff), undefined, { signal }).catch(() => undefined);
    }
    return { type: "failed", why, quiet: false };
  };

  return {
    async send(request) {
      if (signal.aborted) return { type: "aborted" };
      await enter();
      try {
        return await tries(request);
      } finally {
        leave();
      }
    },
    requests: () => requests,
    close() {
      for (const agent of Object.values(agents)) agent.destroy();
    },
  };
}

interface Reply<T> {
  readonly status: number;
  readonly location: string | undefined;
  readonly retryAfter: string | undefined;
  readonly value?: T;
}

function isTransient(status: number): boolean {
  return status === 408 || status === 425 || status === 429 || (status >= 500 && ![501, 505, 507].includes(status));
}

/** In seconds or as a date. */
function retryAfterMs(value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  if (/^\d+$/.test(value)) return Number(value) * 1000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, date - Date.now());
}

/** In words where there are some: an error of several addresses has no message of its own. */
function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  switch (code) {
    case "ECONNREFUSED":
      return "nobody listens there";
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return "there is no such host";
    case "ECONNRESET":
    case "EPIPE":
    case "ERR_STREAM_PREMATURE_CLOSE":
      return "it breaks connections off";
    default:
      return message || code || "it cannot be reached";
  }
}

/** All of a body, which must not be longer than `most`. */
export async function bodyOf(response: IncomingMessage, most: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > most) throw new Final(`its answer is longer than ${most} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
