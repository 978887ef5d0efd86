import type { Plan } from "../engine/plan/plan.ts";
import { enumerate } from "../engine/system/suggest.ts";
import { type Arguments, type Context, usageError } from "./command.ts";

/** What `--device` sets, for those who declare it. Which names there are is the platform's own knowledge. */
export const DEVICE_VARIABLE = "PIPELINE_DEVICE";

/** Whether `--device` reaches anybody; else that has been told. */
export function reachesDevice(context: Context, args: Arguments, { platforms, instances }: Plan): boolean {
  const device = args.text("device");
  if (device === undefined || [...platforms, ...instances].some(({ env }) => env.includes(DEVICE_VARIABLE)))
    return true;
  const names = platforms.map(({ name }) => `\`${name}\``);
  const who = names.length === 0 ? "the stage or platform" : `a stage, or of the platform ${enumerate(names)},`;
  usageError(
    context,
    `--device \`${device}\` reaches nothing: no stage and no platform declares ${DEVICE_VARIABLE}`,
    `leave it out, or add ${DEVICE_VARIABLE} to the \`env:\` of ${who} that computes on it`,
  );
  return false;
}
