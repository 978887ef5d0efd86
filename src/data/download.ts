/**
 * One file from a list of mirrors to a folder, with progress, resume, retry and back-off.
 *
 * The part that has arrived is kept as `NAME.part` and continued by a range request, also by a later process; the finished
 * file appears by rename, so whoever sees it sees all of it. Verification of the content is the caller's.
 */
import { createWriteStream } from "node:fs";
import { mkdir, rename, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { DataFailure } from "./failure.ts";

export interface DownloadOptions {
  /** Tried in order, each with every attempt's back-off. */
  readonly urls: readonly string[];
  readonly target: string;
  readonly remedy: string;
  readonly onProgress?: (received: number, total: number | undefined) => void;
  readonly signal?: AbortSignal;
  /** How often each mirror is tried; 4 unless told. */
  readonly attempts?: number;
  /** Waits between attempts: replaced in tests, which never wait. */
  readonly wait?: (milliseconds: number) => Promise<void>;
}

const FIRST_WAIT_MS = 500;
const PARTIAL_CONTENT = 206;
const RANGE_NOT_SATISFIABLE = 416;

export async function download(options: DownloadOptions): Promise<"done" | DataFailure> {
  const { target, attempts = 4, wait = sleep } = options;
  const part = `${target}.part`;
  try {
    await mkdir(dirname(target), { recursive: true });
  } catch (error) {
    return {
      reason: "data-cache-unwritable",
      message: `cannot write to ${dirname(target)}: ${reasonOf(error)}`,
      remedy: "set XDG_CACHE_HOME to a writable folder, or PIPELINE_DATA_MIRROR to a folder that has the files",
    };
  }
  const refusals: string[] = [];
  for (const url of options.urls) {
    for (let attempt = 0; attempt < attempts; attempt++) {
      if (attempt > 0) await wait(FIRST_WAIT_MS * 2 ** (attempt - 1));
      const outcome = await fetchInto(url, part, options);
      if (outcome === "done") {
        await rename(part, target);
        return "done";
      }
      refusals[refusals.length - (attempt > 0 ? 1 : 0)] = `${url}: ${outcome.refusal}`;
      if (!outcome.retry) break;
    }
  }
  return {
    reason: "data-unreachable",
    message: `download failed.\n  ${refusals.join("\n  ")}`,
    remedy: options.remedy,
  };
}

interface Refusal {
  readonly refusal: string;
  /** Whether the same URL may do better in a moment. */
  readonly retry: boolean;
}

async function fetchInto(url: string, part: string, options: DownloadOptions): Promise<"done" | Refusal> {
  const have = await sizeOf(part);
  try {
    const response = await fetch(url, {
      // The file as it is: a transfer encoding would make lengths and ranges mean something else.
      headers: { "accept-encoding": "identity", ...(have > 0 && { range: `bytes=${have}-` }) },
      ...(options.signal && { signal: options.signal }),
    });
    if (response.status === RANGE_NOT_SATISFIABLE) {
      // The part is as long as the file or longer: of another version, or complete before a kill. Begin again, it is cheap.
      await rm(part, { force: true });
      return { refusal: "the part kept from before does not fit", retry: true };
    }
    if (!response.ok || response.body === null) {
      return { refusal: `HTTP ${response.status} ${response.statusText}`.trim(), retry: response.status >= 500 };
    }
    const type = response.headers.get("content-type") ?? "";
    if (type.startsWith("text/html")) {
      return {
        refusal: "answered with a web page (a login or error page of a proxy?) instead of the data",
        retry: false,
      };
    }
    const resumed = response.status === PARTIAL_CONTENT;
    const length = Number(response.headers.get("content-length") ?? Number.NaN);
    let received = resumed ? have : 0;
    const total = Number.isFinite(length) ? received + length : undefined;
    const counter = new Transform({
      transform(chunk: Uint8Array, _encoding, done) {
        received += chunk.length;
        options.onProgress?.(received, total);
        done(null, chunk);
      },
    });
    const sink = createWriteStream(part, { flags: resumed ? "a" : "w" });
    await pipeline(Readable.fromWeb(response.body), counter, sink);
    if (total !== undefined && received !== total) {
      return { refusal: `broke off after ${received} of ${total} bytes`, retry: true };
    }
    return "done";
  } catch (error) {
    if (options.signal?.aborted) throw error;
    return { refusal: reasonOf(error), retry: true };
  }
}

async function sizeOf(path: string): Promise<number> {
  return stat(path).then(
    ({ size }) => size,
    () => 0,
  );
}

/** `fetch failed` hides the interesting part in its cause. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message || String(error.cause) : error.message;
}

function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
