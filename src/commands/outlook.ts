import type { Plan } from "../engine/plan/plan.ts";
import type { Budget } from "../engine/plan/resources.ts";
import type { Assessment } from "../engine/survey/assess.ts";
import { forecastSeconds } from "../engine/survey/forecast.ts";
import { togetherOf } from "../engine/survey/queue.ts";
import { producersOf } from "../engine/survey/survey.ts";
import type { Task } from "../engine/survey/task.ts";
import { formatExpected } from "../reporters/text.ts";

/** Whether a run would execute the instance, now or as its deps turn out. */
export function isPending({ state }: Assessment): boolean {
  return state === "stale" || state === "depends";
}

/** The last line of `status` and `run --dry-run`: `2 will run, 1 depends on them, 3 fresh · at most about 12 s with 2 jobs`. */
export function outlookLine(plan: Plan, assessments: readonly Assessment[], budget: Budget): string {
  const count = (state: Assessment["state"]): number => assessments.filter((one) => one.state === state).length;
  const parts: string[] = [];
  if (count("stale") > 0) parts.push(`${count("stale")} will run`);
  const afar = assessments.filter(({ state, remote }) => state === "restorable" && remote).length;
  const near = count("restorable") - afar;
  if (near > 0) parts.push(`${near} can be restored`);
  if (afar > 0) parts.push(`${afar} will be restored from the remote cache`);
  if (count("depends") > 0) parts.push(`${count("depends")} ${count("depends") === 1 ? "depends" : "depend"} on them`);
  if (count("fresh") > 0) parts.push(`${count("fresh")} fresh`);
  const { seconds, unknown } = estimate(plan, assessments, budget);
  const jobs = budget.cpu;
  const time: string[] = [];
  if (seconds > 0)
    time.push(
      `${formatExpected(seconds).replace("about", "at most about")} with ${jobs} ${jobs === 1 ? "job" : "jobs"}`,
    );
  if (unknown > 0) time.push(`${seconds > 0 ? "and " : ""}${unknown} never timed`);
  return `${parts.join(", ")}${time.length === 0 ? "" : ` · ${time.join(" ")}`}`;
}

/** How long the pending instances take by what is expected of each, and how many nothing is known of. */
export function estimate(
  plan: Plan,
  assessments: readonly Assessment[],
  budget: Budget,
): { readonly seconds: number; readonly unknown: number } {
  const pending = new Map(assessments.filter(isPending).map((assessment) => [assessment.instance, assessment]));
  const tasks = plan.instances.flatMap((instance): Task[] => {
    const assessment = pending.get(instance.name);
    if (assessment === undefined) return [];
    const { expectedSeconds: seconds = 0 } = assessment;
    const { name, resources: demand } = instance;
    return [{ name, producers: producersOf(instance), seconds, demand, together: togetherOf(instance) }];
  });
  const unknown = [...pending.values()].filter(({ expectedSeconds }) => expectedSeconds === undefined).length;
  return { seconds: forecastSeconds(tasks, budget), unknown };
}
