import type { Inputs } from "../keys/inputs.ts";
import type { Instance, InstanceName } from "../plan/plan.ts";
import type { Engine } from "./engine.ts";

/**
 * Seconds that instances are expected to take, as far as anything is known: the instance's own last time when its work was
 * the same; else by its work; else its own last time, whatever it had to do; else the mean of its stage's others.
 */
export function expectedSeconds(
  { history, costs }: Pick<Engine, "history" | "costs">,
  inputs: Inputs,
  instances: readonly Instance[],
): ReadonlyMap<InstanceName, number> {
  const known = new Map<InstanceName, number>();
  const ofStage = new Map<string, { sum: number; count: number }>();
  for (const instance of instances) {
    const { name, stage, work } = instance;
    const past = history.get(name);
    const { sum, count } = ofStage.get(stage) ?? { sum: 0, count: 0 };
    if (past !== undefined) ofStage.set(stage, { sum: sum + past.seconds, count: count + 1 });
    const same = past?.work?.amount === work?.amount && past?.work?.unit === work?.unit;
    const seconds =
      past !== undefined && (work === undefined || same)
        ? past.seconds
        : (costs.estimate(instance, inputs) ?? scaled(instance, past));
    if (seconds !== undefined) known.set(name, seconds);
  }
  for (const { name, stage } of instances) {
    const mean = ofStage.get(stage);
    if (!known.has(name) && mean !== undefined) known.set(name, mean.sum / mean.count);
  }
  return known;
}

/** The own last time, in proportion where both amounts are of one unit: measured on some other machine, it is the best there is. */
function scaled({ work }: Instance, past: ReturnType<Engine["history"]["get"]>): number | undefined {
  if (past === undefined || work === undefined || past.work === undefined || past.work.unit !== work.unit)
    return past?.seconds;
  return (past.seconds * work.amount) / past.work.amount;
}
