import type { Progress } from "../../stage.ts";
import type { Action, ActionEnd } from "../actions/action.ts";
import type { Code } from "../keys/code-digest.ts";
import type { Facts } from "../keys/facts.ts";
import type { Environment } from "../plan/environment.ts";
import type { Key, PlannedPlatform } from "../plan/plan.ts";
import type { PlanFailure } from "../plan/plan-failure.ts";

/** What all processes of one submission share: the driver writes it, jobs read it. Paths are absolute. */
export interface Common {
  readonly workspace: string;
  readonly artifacts: string | undefined;
  /** Of this package, as the launcher tells it (build.ts). */
  readonly build: { readonly root: string; readonly id: string; readonly folder: string };
  /** What jobs may run, by module: nothing is bundled on a node. */
  readonly modules: Readonly<Record<string, { readonly code: Code; readonly file: string }>>;
  /** Values that keys rest on, and what leads to declared places; all else is the node's. */
  readonly environment: Environment;
  readonly platform: PlannedPlatform | undefined;
  readonly trace: boolean;
}

/** An action without what the node decides; `outs` lead from the folder that it gets there. */
export type TaskAction = Omit<Action, "temporary" | "threads" | "grant">;

/** What one process does. */
export type Task =
  | {
      readonly type: "actions";
      readonly members: readonly TaskAction[];
      readonly gpus: number /** Of what each member reads, when it was submitted. */;
      readonly stamps: readonly string[];
    }
  | { readonly type: "probe"; readonly gpus: number };

export function keysOf(task: Task): readonly Key[] {
  return task.type === "actions" ? task.members.map(({ key }) => key) : [];
}

/**
 * A line of what a process tells, appended to a file that the driver reads. `member` is the place among its actions;
 * `start`, how often the process was put back into the queue before.
 */
export type TaskEvent =
  | {
      readonly type: "began";
      readonly job: string;
      readonly node: string;
      readonly start: number;
      readonly cpu: string | undefined;
    }
  | { readonly type: "line"; readonly member: number; readonly stream: "stdout" | "stderr"; readonly line: string }
  | { readonly type: "progress"; readonly member: number; readonly progress: Progress }
  | { readonly type: "settled"; readonly member: number; readonly start: number; readonly end: ActionEnd }
  | { readonly type: "facts"; readonly answer: Facts | PlanFailure }
  /** The last one. */
  | { readonly type: "over"; readonly start: number };
