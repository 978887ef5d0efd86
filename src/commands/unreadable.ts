import { unreadableIn } from "../engine/cache/unreadable.ts";
import type { Plan } from "../engine/plan/plan.ts";
import type { Context } from "./command.ts";

/** For commands that only look: without a word, results that this user may not read would be ones that were never made. */
export function warnUnreadable({ err }: Context, { workspace }: Plan): void {
  const why = unreadableIn(workspace);
  if (why === undefined) return;
  err.write(`${err.palette.yellow("warning")}  ${why}; what the cache has there counts as never made\n`);
}
