import type { Action, ActionEnd, ActionHooks, Host } from "./action.ts";
import { runCommand } from "./command.ts";
import { runStage } from "./stage-process.ts";

/** Runs actions somewhere. */
export type Executor = (action: Action, hooks: ActionHooks) => Promise<ActionEnd>;

/** Here, as child processes of this machine. */
export function localExecutor(host: Host): Executor {
  return (action, hooks) =>
    action.code === undefined ? runCommand(host, action, hooks) : runStage(host, action, hooks);
}
