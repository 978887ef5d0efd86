import type { Instance, InstanceName, Resources } from "../plan/plan.ts";
import type { Budget } from "../plan/resources.ts";
import type { Action, ActionEnd, ActionHooks, Host, Member } from "./action.ts";
import type { Spawner } from "./spawner.ts";

/** Runs actions in one process, and settles each. Several are `run:` actions of one stage. */
export type Execute = (members: readonly Member[]) => Promise<void>;

/** Where actions run. */
export interface Executor {
  readonly execute: Execute;
  /** What its processes share. */
  readonly budget: Budget;
  /** What of it an instance's process takes. */
  demandOf(instance: Instance): Resources | undefined;
  /** Whether a batch is dealt to all processes that there is room for, or fills one after the other. */
  readonly spreads: boolean;
  /** Resolves when nothing of it is going on any more; the signal has told it that no more will come. */
  close(): Promise<void>;
}

/** Here: actions share what the run has of this machine. */
export function localExecutor(host: Host, signal: AbortSignal, budget: Budget): Executor {
  return {
    execute: localExecution(host, signal),
    budget,
    demandOf: ({ resources }) => resources,
    spreads: true,
    close: async () => undefined,
  };
}

/** As child processes of this machine, until the signal says that no more will come. */
export function localExecution(host: Host, signal: AbortSignal): Execute {
  let spawner: Spawner | undefined;
  signal.addEventListener("abort", () => spawner?.close());
  // Loaded when something runs: child processes bring half of Node's network code with them.
  return async (members) => {
    const [first] = members;
    if (first === undefined) return;
    if (first.action.code !== undefined) return (await import("./stage-process.ts")).runStage(host, members);
    spawner ??= (await import("./spawner.ts")).openSpawner();
    first.settle(await (await import("./command.ts")).runCommand(host, spawner, first.action, first.hooks));
  };
}

/** Where the actions of a slot meet. */
export interface Batch {
  /** Resolves with the end of this action; nothing starts before all have come or left. */
  execute(action: Action, hooks: ActionHooks): Promise<ActionEnd>;
  /** Says that this one will not come; nothing when it has. */
  leave(name: InstanceName): void;
}

export function openBatch(execute: Execute, size: number): Batch {
  const members: (Member & { readonly reject: (error: unknown) => void })[] = [];
  const gone = new Set<InstanceName>();
  const startWhenComplete = (): void => {
    if (gone.size < size || members.length === 0) return;
    execute(members).catch((error) => {
      for (const { reject } of members) reject(error);
    });
  };
  const pass = (name: InstanceName): void => {
    if (gone.has(name)) return;
    gone.add(name);
    startWhenComplete();
  };
  return {
    execute: (action, hooks) =>
      new Promise((settle, reject) => {
        members.push({ action, hooks, settle, reject });
        pass(action.instance.name);
      }),
    leave: pass,
  };
}
