// What src/engine/api.ts exports, for those who import the package: TypeScript would not read .ts files of a package.
// test/engine/api.test.ts holds the two together.

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

export interface Options {
  /** The folder with pipeline.yaml, absolute. */
  readonly workspace: string;
  /** Stages, instances, globs, out paths, as on the command line; everything where none is given. */
  readonly targets?: readonly string[] | undefined;
  readonly profile?: string | undefined;
  /** Each `a.b=value`. */
  readonly set?: readonly string[] | undefined;
  /** What stages and platforms are given values from (default: `process.env`). */
  readonly environment?: Readonly<Record<string, string | undefined>> | undefined;
  /** The URL of a remote cache, or `off` (default: `PIPELINE_REMOTE_CACHE`, else pipeline.yaml's). */
  readonly remote?: string | undefined;
}

export interface RunOptions extends Options {
  /** Actions at a time (default: the number of cores). */
  readonly jobs?: number | undefined;
  /** Run the targets even where they are fresh. */
  readonly force?: boolean | undefined;
  /** After a failure, run what does not depend on it. */
  readonly keepGoing?: boolean | undefined;
  /** Stops children and starts nothing more. */
  readonly signal?: AbortSignal | undefined;
  /** Is told everything that happens, as `pipeline run --json` writes it. */
  readonly onEvent?: ((event: Event) => void) | undefined;
}

export interface Reason {
  readonly kind: string;
  readonly subject: string;
  readonly before: string | undefined;
  readonly after: string | undefined;
}

export interface Failure {
  readonly reason: string;
  readonly message: string;
  readonly remedy: string | undefined;
  readonly output: readonly string[];
  readonly exitCode?: number;
}

export interface Summary {
  readonly ran: number;
  readonly restored: number;
  readonly fresh: number;
  readonly failed: number;
  readonly skipped: number;
  readonly seconds: number;
  /** Where there is a remote cache. */
  readonly remote?: RemoteTally;
}

/** What a run has had to do with the remote cache. */
export interface RemoteTally {
  readonly hits: number;
  readonly misses: number;
  readonly blobsFetched: number;
  readonly bytesFetched: number;
  readonly resultsSent: number;
  readonly blobsSent: number;
  readonly bytesSent: number;
  readonly requests: number;
}

/** Events by type; docs/cli.md lists the fields of each. */
export type Event =
  | {
      readonly type: "plan";
      readonly profile: string;
      readonly instances: number;
      readonly platform: string;
      readonly stages?: readonly { readonly stage: string; readonly instances: number }[];
    }
  | { readonly type: "estimate"; readonly seconds: number; readonly unknown: number }
  | { readonly type: "fresh"; readonly instance: string; readonly key: string; readonly remote?: true }
  | {
      readonly type: "restored";
      readonly instance: string;
      readonly key: string;
      readonly seconds: number;
      readonly reasons?: readonly Reason[];
      readonly changed?: readonly string[];
      readonly remote?: true;
    }
  | {
      readonly type: "started";
      readonly instance: string;
      readonly key: string;
      readonly reasons: readonly Reason[];
      readonly batch?: { readonly first: string; readonly size: number };
    }
  | {
      readonly type: "progress";
      readonly instance: string;
      readonly progress: {
        readonly done: number;
        readonly total: number;
        readonly unit: string;
        readonly message?: string;
      };
    }
  | {
      readonly type: "output";
      readonly instance: string;
      readonly stream: "stdout" | "stderr";
      readonly line: string;
    }
  | {
      readonly type: "ran";
      readonly instance: string;
      readonly key: string;
      readonly seconds: number;
      readonly changed?: readonly string[];
    }
  | {
      readonly type: "job";
      readonly instance: string;
      readonly job: string;
      readonly state: "queued" | "running" | "requeued" | "found";
      readonly node?: string;
    }
  | {
      readonly type: "retrying";
      readonly instance: string;
      readonly failure: Failure;
      readonly attempt: number;
      readonly attempts: number;
      readonly seconds: number;
    }
  | { readonly type: "failed"; readonly instance: string; readonly failure: Failure; readonly seconds: number }
  | { readonly type: "skipped"; readonly instance: string; readonly because: string }
  | { readonly type: "warning"; readonly message: string }
  /** All is done but this: so many results are still to be sent to the remote cache, of so many bytes; at last none. */
  | { readonly type: "remote-flush"; readonly results: number; readonly bytes: number }
  | ({ readonly type: "summary" } & Summary);

export interface Assessment {
  readonly instance: string;
  readonly state: "fresh" | "restorable" | "stale" | "depends";
  /** `restorable`: from the remote cache. `fresh`: its outs are there, and nothing that is asked for needs them here. */
  readonly remote?: true;
  readonly reasons: readonly Reason[];
  readonly dependsOn: readonly string[];
  /** How long it took when it last ran. */
  readonly lastSeconds: number | undefined;
  /** How long it would take, by its own last time or by its declared work. */
  readonly expectedSeconds: number | undefined;
}

export interface Diagnostic {
  readonly severity: "error" | "warning";
  readonly reason: string;
  readonly message: string;
  readonly remedy: string;
  readonly position: { readonly file: string; readonly line: number; readonly column: number };
  readonly length: number;
  readonly sourceLine: string;
}

/** Why nothing could be run or told: `invalid-pipeline`, `unknown-target`, or what a platform or the cache says. */
export interface Problem {
  readonly reason: string;
  readonly message: string;
  readonly remedy: string;
  readonly diagnostics?: readonly Diagnostic[];
}

/** Brings targets up to date, as `pipeline run` does. A failed stage is in the summary and in the events, not a problem. */
export function run(options: RunOptions): Promise<Summary | Problem>;
/** What a run would do with each target and what it depends on, and why; nothing is changed. */
export function status(options: Options): Promise<readonly Assessment[] | Problem>;
export function isProblem(result: object): result is Problem;
