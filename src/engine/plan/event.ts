import type { Progress } from "../../stage.ts";
import type { InstanceName, Key } from "./plan.ts";

/** Why an instance has to run, or what changed since a past key: one line of `why`. */
export interface Reason {
  /** What kind of ingredient changed, kebab-case: `param`, `code`, `package`, `dep`, `out-declaration`, `env`, `platform`, `never-run`, … */
  readonly kind: string;
  /** The ingredient, e.g. `params.eta`, `src/numerics/lanczos.ts`, `train@eta=0.05.run`. */
  readonly subject: string;
  readonly before: string | undefined;
  readonly after: string | undefined;
}

export interface Failure {
  /** kebab-case, closed per producer: `stage-failed`, `undeclared-read`, `missing-out`, `invalid-out`, `dependency-failed`, … */
  readonly reason: string;
  readonly message: string;
  readonly remedy: string | undefined;
  /** The last lines of the action's output. */
  readonly output: readonly string[];
  /** Of the process, where that is what failed. */
  readonly exitCode?: number;
}

/** What a run has had to do with the remote cache. */
export interface RemoteTally {
  /** Results found there, and results asked for that it does not have. */
  readonly hits: number;
  readonly misses: number;
  readonly blobsFetched: number;
  readonly bytesFetched: number;
  readonly resultsSent: number;
  readonly blobsSent: number;
  readonly bytesSent: number;
  /** Every attempt counts. */
  readonly requests: number;
}

export interface Summary {
  readonly ran: number;
  readonly restored: number;
  readonly fresh: number;
  readonly failed: number;
  /** Not run because something they depend on failed or the run was interrupted. */
  readonly skipped: number;
  readonly seconds: number;
  /** Where there is a remote cache. */
  readonly remote?: RemoteTally;
}

/** Everything a run tells. Reporters read these; the engine never prints. `--json` writes them one object a line. */
export type Event =
  | {
      readonly type: "plan";
      readonly profile: string;
      readonly instances: number;
      readonly platform: string;
      /** How many instances of each stage this run is about, in plan order: a reporter can tell when a stage is complete. */
      readonly stages?: readonly { readonly stage: string; readonly instances: number }[];
    }
  /**
   * About so many seconds the rest of the run takes, by recorded times, declared work and progress, were nothing cut off
   * by an equal result. `unknown` instances that may run were never timed, and are not in it.
   */
  | { readonly type: "estimate"; readonly seconds: number; readonly unknown: number }
  | {
      readonly type: "fresh";
      readonly instance: InstanceName;
      readonly key: Key;
      /** Its outs are in the remote cache alone: nothing that was asked for needs them here. */
      readonly remote?: true;
    }
  | {
      readonly type: "restored";
      readonly instance: InstanceName;
      readonly key: Key;
      readonly seconds: number;
      /** What changed since the result that was here last. */
      readonly reasons?: readonly Reason[];
      /** Paths of outs whose bytes are others than those that were here last; new ones too. */
      readonly changed?: readonly string[];
      /** Some of it came from the remote cache. */
      readonly remote?: true;
    }
  | {
      readonly type: "started";
      readonly instance: InstanceName;
      readonly key: Key;
      readonly reasons: readonly Reason[];
      /** Where it shares a process: how many do at most, and the name of one of them, the same for all. */
      readonly batch?: { readonly first: InstanceName; readonly size: number };
    }
  | { readonly type: "progress"; readonly instance: InstanceName; readonly progress: Progress }
  | {
      readonly type: "output";
      readonly instance: InstanceName;
      readonly stream: "stdout" | "stderr";
      readonly line: string;
    }
  /** Of an action that a cluster runs: where its job is. `requeued`: preempted, or its node failed; it starts again. */
  | {
      readonly type: "job";
      readonly instance: InstanceName;
      /** As the cluster names it. */
      readonly job: string;
      readonly state: "queued" | "running" | "requeued" | "found";
      readonly node?: string;
    }
  | {
      readonly type: "ran";
      readonly instance: InstanceName;
      readonly key: Key;
      readonly seconds: number;
      /** As for `restored`. */
      readonly changed?: readonly string[];
    }
  /** It failed in a way that its `retries:` name, and starts again in so many seconds; `attempt` is the number of that start. */
  | {
      readonly type: "retrying";
      readonly instance: InstanceName;
      readonly failure: Failure;
      readonly attempt: number;
      readonly attempts: number;
      readonly seconds: number;
    }
  | { readonly type: "failed"; readonly instance: InstanceName; readonly failure: Failure; readonly seconds: number }
  | { readonly type: "skipped"; readonly instance: InstanceName; readonly because: InstanceName | "interrupted" }
  | { readonly type: "warning"; readonly message: string }
  /** All is done but this: so many results are still to be sent to the remote cache, of so many bytes; at last none. */
  | { readonly type: "remote-flush"; readonly results: number; readonly bytes: number }
  | ({ readonly type: "summary" } & Summary);

export type Emit = (event: Event) => void;
