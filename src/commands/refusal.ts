import { codeOf, explainIo } from "../engine/system/io-error.ts";
import type { Context } from "./command.ts";
import { reportPlanFailure } from "./plan-failure.ts";

/** What is told of the program rather than of the file system: that it asked for what is not there, or makes no sense. */
const BUGS: ReadonlySet<string> = new Set(["ENOENT", "EINVAL", "EBADF"]);

/** Tells what the file system has refused a command, and what to do; `undefined` for any other error, which is a bug. */
export function tellRefusal(context: Context, command: string, error: unknown): 2 | undefined {
  const problem = explainIo(error, `running \`pipeline ${command}\``);
  if (problem === undefined || (problem.reason === "io-error" && BUGS.has(codeOf(error)!))) return undefined;
  return reportPlanFailure(context, problem);
}
