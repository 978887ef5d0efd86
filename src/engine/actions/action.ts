import type { DepFile, Progress } from "../../stage.ts";
import type { Store } from "../files/store.ts";
import type { Code, CodeReader } from "../keys/code-digest.ts";
import type { Facts } from "../keys/facts.ts";
import type { Environment } from "../plan/environment.ts";
import type { Event, Failure } from "../plan/event.ts";
import type { Instance, Key, Plan } from "../plan/plan.ts";
import type { Grant } from "../plan/resources.ts";
import { formatDuration } from "../plan/retry.ts";
import type { ChildEnd } from "../system/child.ts";

/** One action, ready to run: everything that it may see and where its results are to go. */
export interface Action {
  readonly instance: Instance;
  readonly key: Key;
  /** Of `run:` modules. */
  readonly code: Code | undefined;
  /** By name; paths are workspace-relative. */
  readonly deps: Readonly<Record<string, { readonly each: boolean; readonly files: readonly DepFile[] }>>;
  /** By name; absolute, below the action's own folder. A directory out exists and is empty. */
  readonly outs: Readonly<Record<string, string>>;
  /** A temporary directory of its own, beside the outs in the action's folder. */
  readonly temporary: string;
  readonly facts: Facts;
  /** How many threads it may keep busy; no result may depend on it. */
  readonly threads: number;
  /** Where it keeps what it needs to go on after a kill, if it is declared to; absolute. */
  readonly resume: string | undefined;
  /** What it got of the run's budget. */
  readonly grant: Grant;
}

/** `seconds`: its part of the time of a process that it shared. */
export type ActionEnd =
  | {
      readonly type: "finished";
      readonly seconds?: number /** The processor's name, where that is another machine's. */;
      readonly cpu?: string;
    }
  | { readonly type: "failed"; readonly failure: Failure; readonly seconds?: number }
  | { readonly type: "interrupted" }
  /** The process that it shared ended without telling how this one ended; `failure` of the process is with one of them. */
  | { readonly type: "unsettled"; readonly failure: Failure | undefined };

export interface ActionHooks {
  readonly signal: AbortSignal;
  readonly onLine: (stream: "stdout" | "stderr", line: string) => void;
  readonly onProgress: (progress: Progress) => void;
  /** Of an action that a cluster runs. */
  readonly onJob?: (job: Pick<Extract<Event, { readonly type: "job" }>, "job" | "state" | "node">) => void;
  /** The last lines so far, for a failure. */
  readonly tail: () => readonly string[];
}

/** One of the actions that share a process. */
export interface Member {
  readonly action: Action;
  readonly hooks: ActionHooks;
  /** Called once, when this action has ended; the process may go on with others. */
  settle(end: ActionEnd): void;
}

export interface Host {
  readonly plan: Plan;
  readonly store: Store;
  readonly code: CodeReader;
  readonly environment: Environment;
  /** Let strace tell what `cmd:` stages read. */
  readonly trace?: boolean;
}

/** For actions that share a process, the time of all of them. */
export function explainTimeout(name: string, seconds: number, isResumed: boolean, output: readonly string[]): Failure {
  return {
    reason: "timed-out",
    message: `${name} was ended: it took longer than ${formatDuration(seconds)}`,
    remedy: isResumed ? "run again: it goes on where it was; or raise its `timeout:`" : "raise its `timeout:`",
    output,
  };
}

/** Why a process that gave no result ended. `undefined` for an exit code that says nothing by itself. */
export function explainEnd(
  name: string,
  { code, signal }: Pick<ChildEnd, "code" | "signal">,
  output: readonly string[],
): Failure | undefined {
  const text = output.join("\n");
  if (
    /heap out of memory|std::bad_alloc|Array buffer allocation failed|Cannot allocate memory|MemoryError/.test(text)
  ) {
    return {
      reason: "out-of-memory",
      message: `${name} ran out of memory`,
      remedy: "use less at a time (smaller chunks, fewer parallel --jobs), or a machine with more",
      output,
    };
  }
  // A shell reports the signal that ended its command as 128 + its number.
  if (signal === "SIGKILL" || code === 137) {
    return {
      reason: "killed",
      message: `${name} was killed (SIGKILL): by someone, or by the system because memory ran out`,
      remedy: "look at the system's log (`dmesg`) for the out-of-memory killer; lower --jobs or use less memory",
      output,
    };
  }
  if (signal !== null) {
    return {
      reason: "killed",
      message: `${name} was ended by ${signal}${signal === "SIGSEGV" || signal === "SIGABRT" || signal === "SIGBUS" ? ": native code crashed" : ""}`,
      remedy: undefined,
      output,
    };
  }
  return undefined;
}
