import type { Assessment } from "../engine/assess.ts";
import type { InstanceName, Plan } from "../engine/plan.ts";
import { producersOf } from "../engine/survey.ts";
import { stageOf } from "../reporters/reporter.ts";
import { formatSeconds } from "../reporters/text.ts";

/** Whether a run would execute the instance, now or as its deps turn out. */
export function isPending({ state }: Assessment): boolean {
  return state === "stale" || state === "depends";
}

/** The last line of `status` and `run --dry-run`: `2 will run, 1 depends on them, 3 fresh · at most about 12.3 s with 2 jobs`. */
export function outlookLine(plan: Plan, assessments: readonly Assessment[], jobs: number): string {
  const count = (state: Assessment["state"]): number => assessments.filter((one) => one.state === state).length;
  const parts: string[] = [];
  if (count("stale") > 0) parts.push(`${count("stale")} will run`);
  if (count("restorable") > 0) parts.push(`${count("restorable")} can be restored`);
  if (count("depends") > 0) parts.push(`${count("depends")} ${count("depends") === 1 ? "depends" : "depend"} on them`);
  if (count("fresh") > 0) parts.push(`${count("fresh")} fresh`);
  const { seconds, unknown } = estimate(plan, assessments, jobs);
  const time: string[] = [];
  if (seconds > 0) time.push(`at most about ${formatSeconds(seconds)} with ${jobs} ${jobs === 1 ? "job" : "jobs"}`);
  if (unknown > 0) time.push(`${seconds > 0 ? "and " : ""}${unknown} never timed`);
  return `${parts.join(", ")}${time.length === 0 ? "" : ` · ${time.join(" ")}`}`;
}

/**
 * How long the pending instances would take by earlier times (their own, else the mean of their stage's others): the
 * longer of the critical path and of all work shared among the jobs.
 */
export function estimate(
  plan: Plan,
  assessments: readonly Assessment[],
  jobs: number,
): { readonly seconds: number; readonly unknown: number } {
  const ofStage = new Map<string, number[]>();
  for (const { instance, lastSeconds } of assessments) {
    if (lastSeconds === undefined) continue;
    ofStage.set(stageOf(instance), [...(ofStage.get(stageOf(instance)) ?? []), lastSeconds]);
  }
  const pending = new Map<InstanceName, number | undefined>();
  for (const { instance, lastSeconds } of assessments.filter(isPending)) {
    const times = ofStage.get(stageOf(instance)) ?? [];
    const mean = times.length === 0 ? undefined : times.reduce((sum, time) => sum + time, 0) / times.length;
    pending.set(instance, lastSeconds ?? mean);
  }
  const ends = new Map<InstanceName, number>();
  let work = 0;
  for (const instance of plan.instances) {
    if (!pending.has(instance.name)) continue;
    const own = pending.get(instance.name) ?? 0;
    work += own;
    ends.set(instance.name, own + Math.max(0, ...producersOf(instance).map((producer) => ends.get(producer) ?? 0)));
  }
  const unknown = [...pending.values()].filter((seconds) => seconds === undefined).length;
  return { seconds: Math.max(work / jobs, 0, ...ends.values()), unknown };
}
