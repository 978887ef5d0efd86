import type { PlanFailure } from "../engine/plan/plan-failure.ts";
import type { Context } from "./command.ts";

/** Tells why a plan cannot be run or assessed at all: a platform that is not there, a cache that cannot be used. */
export function reportPlanFailure({ err }: Context, { reason, message, remedy }: PlanFailure): 2 {
  const { palette } = err;
  err.write(
    `${palette.red(reason.replaceAll("-", " "))}  ${message}\n${palette.dim("     =")} ${palette.green(remedy)}\n`,
  );
  return 2;
}
