import type { RemoteConfig } from "./config.ts";
import type { Answer } from "./http.ts";

/** What may be asked of the cache, by what it has answered so far; and what is told of it. */
export interface Access {
  readonly mayRead: boolean;
  readonly mayWrite: boolean;
  /** What an answer that is none says of the cache as a whole. */
  judge(answer: Answer<unknown>, writing: boolean): void;
  /** It has taken something. */
  took(): void;
  /** Each kind of trouble is told once: what it says of one request, it would say of each. */
  tell(kind: string, message: string): void;
}

/** So many things in a row that it does not take, and it is given nothing more. */
const MOST_REFUSED = 16;

export function openAccess(
  { url, readOnly, authorization }: RemoteConfig,
  signal: AbortSignal,
  warn: (message: string) => void,
  /** What is done where it fails: `; the run goes on without it`. */
  otherwise: string,
): Access {
  const told = new Set<string>();
  let mayRead = true;
  let mayWrite = !readOnly;
  let refused = 0;

  const tell = (kind: string, message: string): void => {
    if (told.has(kind) || signal.aborted) return;
    told.add(kind);
    warn(message);
  };
  const remedyFor = <T>(status: number, other: T): string | T => {
    if (status !== 401 && status !== 403) return other;
    return authorization === undefined
      ? "set PIPELINE_REMOTE_TOKEN, or PIPELINE_REMOTE_LOGIN=user:password"
      : "check PIPELINE_REMOTE_TOKEN or PIPELINE_REMOTE_LOGIN";
  };
  const judgeReading = (status: number): void => {
    mayRead = false;
    mayWrite = false;
    const remedy = remedyFor(status, "is it the URL of a cache?");
    tell("refused", `the remote cache ${url} refuses to be read (${status}): ${remedy}${otherwise}`);
  };
  const judgeWriting = (status: number): void => {
    // What is said of one blob or of one moment: the next may be taken.
    const passing = PASSING[status];
    if (passing !== undefined) {
      tell(passing, `the remote cache ${url} ${passing} (${status}): such results are not sent`);
      if (++refused >= MOST_REFUSED) mayWrite = false;
      return;
    }
    mayWrite = false;
    const hint = remedyFor(status, undefined);
    const remedy = hint === undefined ? "it may be read-only: say" : `${hint}, or say`;
    const what = `the remote cache ${url} refuses to be written (${status})`;
    tell("refused", `${what}: ${remedy} --remote-read-only; it is only read`);
  };

  return {
    get mayRead() {
      return mayRead;
    },
    get mayWrite() {
      return mayWrite;
    },
    judge(answer, writing) {
      if (answer.type === "failed" && !answer.quiet) {
        tell("trouble", `the remote cache ${url} has left a request without an answer: ${answer.why}${otherwise}`);
      }
      if (answer.type === "refused") (writing ? judgeWriting : judgeReading)(answer.status);
    },
    took() {
      refused = 0;
    },
    tell,
  };
}

/** 400 is bazel-remote's word for a blob above its --max_blob_size. */
const PASSING: Readonly<Record<number, string>> = {
  400: "does not take a blob, which may be too large for it",
  413: "does not take blobs that large",
  507: "has no room",
};
