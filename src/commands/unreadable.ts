import { unreadableIn } from "../engine/cache/unreadable.ts";
import type { Plan } from "../engine/plan/plan.ts";
import type { Context } from "./command.ts";

/** For commands that only look: without a word, results that this user may not read would be ones that were never made. */
export function warnUnreadable({ err }: Context, { workspace }: Plan): void {
  const closed = unreadableIn(workspace);
  if (closed === undefined) return;
  const message = `${closed} cannot be read: permission denied; what is in it counts as never made`;
  err.write(`${err.palette.yellow("warning")}  ${message}\n`);
}
