import type { InstanceName, Resources } from "../plan/plan.ts";

/** One instance, as the scheduler sees it. */
export interface Task {
  readonly name: InstanceName;
  readonly producers: readonly InstanceName[];
  /** How long it is expected to take, in seconds. */
  readonly seconds: number;
  /** What its execution takes of the budget; one cpu unless given. */
  readonly demand?: Resources | undefined;
  /** Executions with the same key may share one process, so many at most; their demands are equal. */
  readonly together?:
    | {
        readonly key: string;
        readonly max: number;
        /** In as few processes as that allows, however many have room. */
        readonly fills?: boolean;
      }
    | undefined;
}
