import type { Environment } from "../plan/environment.ts";
import type { SlurmOptions } from "../plan/plan.ts";
import type { JobEnd } from "./end.ts";
import type { Removals } from "./removals.ts";
import type { Spool } from "./spool.ts";
import type { Common, Task, TaskEvent } from "./task.ts";

/** One process for the cluster, and who is told what becomes of it. */
export interface Work {
  readonly stage: string;
  /** Works of a stage with equal flags can be one array. */
  readonly flags: readonly string[];
  readonly common: Common;
  readonly task: Task;
  /** Whether it waits for this member's end. */
  holds(member: number): boolean;
  /** `at`: where the process has its files. */
  on(event: TaskEvent, at: { readonly spool: Spool; readonly index: number }): void;
  moved(state: JobState): void;
  /** Once, last: `undefined` where it has told everything. */
  ended(end: JobEnd | undefined): void;
  /** Instead of that: the run was interrupted. */
  interrupted(): void;
}

/** Where a job is, as `job` events tell it. */
export interface JobState {
  readonly job: string;
  readonly state: "queued" | "running" | "requeued" | "found";
  readonly node?: string;
}

export interface Cluster {
  readonly workspace: string;
  readonly environment: Environment;
  readonly options: SlurmOptions;
  readonly signal: AbortSignal;
  readonly warn: (message: string) => void;
  /** For what explains mistakes of stages: all instances with their outs, as JSON. */
  readonly outs: () => string;
}

/** What those share who look after one driver's jobs. */
export interface Desk extends Cluster {
  readonly notices: Notices;
  readonly removals: Removals;
}

/** Files could not be exchanged with the process. */
export function troubleOf(error: unknown): JobEnd {
  const job = error instanceof Error ? error.message : String(error);
  return { state: "TROUBLE", job, node: "", began: false, output: [] };
}

/** Says each thing once, until it is taken back. */
export interface Notices {
  tell(id: string, message: string): void;
  takeBack(id: string): void;
}

export function openNotices(warn: (message: string) => void): Notices {
  const told = new Set<string>();
  return {
    tell(id, message) {
      if (!told.has(id)) warn(message);
      told.add(id);
    },
    takeBack: (id) => void told.delete(id),
  };
}
