import type { Action, ActionEnd, ActionHooks, Host } from "./action.ts";

/** Runs actions somewhere. */
export type Executor = (action: Action, hooks: ActionHooks) => Promise<ActionEnd>;

/** Here, as child processes of this machine. */
export function localExecutor(host: Host): Executor {
  // Loaded when something runs: child processes bring half of Node's network code with them.
  return async (action, hooks) => {
    if (action.code === undefined) return (await import("./command.ts")).runCommand(host, action, hooks);
    return (await import("./stage-process.ts")).runStage(host, action, hooks);
  };
}
