import type { Action, ActionEnd, ActionHooks, Host, Member } from "./action.ts";
import type { InstanceName } from "./plan.ts";
import type { Spawner } from "./spawner.ts";

/** Runs actions somewhere, in one process, and settles each. Several are `run:` actions of one stage. */
export type Executor = (members: readonly Member[]) => Promise<void>;

/** Here, as child processes of this machine, until the signal says that no more will come. */
export function localExecutor(host: Host, signal: AbortSignal): Executor {
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

export function openBatch(execute: Executor, size: number): Batch {
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
