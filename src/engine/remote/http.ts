import { setTimeout as sleep } from "node:timers/promises";
import { limited } from "../system/limited.ts";
import { createBreaker } from "./breaker.ts";
import type { RemoteConfig } from "./config.ts";
import { Doubtful, Final } from "./content.ts";
import { openRequester, type RemoteRequest, type Reply } from "./request.ts";
import { retryAfterMs } from "./retry-after.ts";

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
export const PARALLEL = 16;
const ATTEMPTS = 4;
const FIRST_DELAY_MS = 200;
const LONGEST_DELAY_MS = 5000;
/** A server that wants more time than this gets no further attempt. */
const LONGEST_RETRY_AFTER_MS = 30_000;

/** Requests to one cache: bounded, with time limits, attempts, and an end to them where the server is down. */
export function openTransport(
  config: RemoteConfig,
  signal: AbortSignal,
  unreachable: (why: string) => void,
): Transport {
  const requester = openRequester(config, PARALLEL, signal);
  const breaker = createBreaker(Date.now);
  const inTurn = limited(PARALLEL);
  /** A server that asks for time asks it of everybody. */
  let quietUntil = 0;

  const rest = async (milliseconds: number): Promise<void> => {
    if (milliseconds > 0) await sleep(milliseconds, undefined, { signal }).catch(() => undefined);
  };

  const tries = async <T>(request: RemoteRequest<T>): Promise<Answer<T>> => {
    let why = "";
    for (let count = 0; count < ATTEMPTS; count++) {
      await rest(quietUntil - Date.now());
      if (signal.aborted) return { type: "aborted" };
      if (!breaker.allows()) return { type: "failed", why, quiet: true };
      const last = count === ATTEMPTS - 1;
      const backOff = Math.min(FIRST_DELAY_MS * 2 ** count, LONGEST_DELAY_MS) * (0.5 + Math.random() / 2);
      let reply: Reply<T>;
      try {
        reply = await requester.send(request);
      } catch (error) {
        if (signal.aborted) return { type: "aborted" };
        if (error instanceof Final) {
          breaker.succeeded();
          return { type: "failed", why: error.message, quiet: false };
        }
        why = reasonOf(error);
        if (error instanceof Doubtful) breaker.succeeded();
        else if (isHopeless(error)) {
          breaker.gaveUp();
          unreachable(why);
          break;
        } else if (breaker.failed()) unreachable(why);
        if (!last) await rest(backOff);
        continue;
      }
      const { status, value, retryAfter, elsewhere } = reply;
      if (status >= 200 && status <= 299) {
        breaker.succeeded();
        return { type: "ok", value: value as T };
      }
      if (!isTransient(status)) {
        breaker.succeeded();
        if ((status === 404 || status === 410) && request.method !== "PUT") return { type: "absent" };
        if (elsewhere === undefined) return { type: "refused", status };
        // It says nothing of the cache; where the way there is signed for a time, there is a new one.
        why = `it leads to ${elsewhere}, which answers ${status}`;
        if (!last) await rest(backOff);
        continue;
      }
      why = `it answers ${status}`;
      const asked = retryAfterMs(retryAfter, Date.now());
      if (asked === undefined || asked > LONGEST_RETRY_AFTER_MS || last) {
        if (breaker.failed()) unreachable(why);
        if (last || asked !== undefined) break;
        await rest(backOff);
        continue;
      }
      // It is there, and has said when: no sign of being down.
      quietUntil = Math.max(quietUntil, Date.now() + asked);
      await rest(backOff);
    }
    return { type: "failed", why, quiet: false };
  };

  return {
    async send(request) {
      if (signal.aborted) return { type: "aborted" };
      return inTurn(() => tries(request));
    },
    requests: requester.requests,
    close: requester.close,
  };
}

function isTransient(status: number): boolean {
  return status === 408 || status === 425 || status === 429 || (status >= 500 && ![501, 505, 507].includes(status));
}

/** A certificate does not get better. */
function isHopeless(error: unknown): boolean {
  const { code = "" } = error as NodeJS.ErrnoException;
  return code in CERTIFICATES;
}

const UNKNOWN_AUTHORITY =
  "its certificate is of an authority that is unknown here (NODE_EXTRA_CA_CERTS may name the file of one)";
const CERTIFICATES: Readonly<Record<string, string>> = {
  SELF_SIGNED_CERT_IN_CHAIN: UNKNOWN_AUTHORITY,
  DEPTH_ZERO_SELF_SIGNED_CERT: UNKNOWN_AUTHORITY,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNKNOWN_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNKNOWN_AUTHORITY,
  ERR_TLS_CERT_ALTNAME_INVALID: "its certificate is for another host",
  CERT_HAS_EXPIRED: "its certificate has expired",
  CERT_NOT_YET_VALID: "its certificate is not valid yet",
};

/** In words where there are some: an error of several addresses has no message of its own. */
function reasonOf(error: unknown): string {
  const { code = "", message } = error as NodeJS.ErrnoException;
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
      return CERTIFICATES[code] ?? (message || code || "it cannot be reached");
  }
}
