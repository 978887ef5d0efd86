import { isFailure } from "./code-digest.ts";
import type { Environment } from "./environment.ts";
import type { Reason } from "./event.ts";
import { reason, reasonsFor } from "./examine.ts";
import { expectedSeconds } from "./expected.ts";
import { manifestOf } from "./key.ts";
import { looking } from "./looking.ts";
import type { InstanceName, Plan } from "./plan.ts";
import type { PlanFailure } from "./plan-failure.ts";
import { closureOf } from "./targets.ts";

/** What a run would do with an instance, and why. */
export interface Assessment {
  readonly instance: InstanceName;
  /**
   * `restorable`: its result is cached and would be put in place. `stale`: it would run. `depends`: it would run or not,
   * as the new outs of `dependsOn` turn out.
   */
  readonly state: "fresh" | "restorable" | "stale" | "depends";
  /** What changed since the last result here. A `dep` with `before` equal to `after` has unchanged bytes. */
  readonly reasons: readonly Reason[];
  /** Stale instances upstream whose outs decide. */
  readonly dependsOn: readonly InstanceName[];
  /** How long it took when it last ran. */
  readonly lastSeconds: number | undefined;
  /** How long it would take, by its own last time or by its declared work. */
  readonly expectedSeconds: number | undefined;
}

/** Looks at the targets and everything they depend on (all instances where none is named), in plan order, and changes nothing. */
export async function assess(
  plan: Plan,
  targets: readonly InstanceName[],
  environment: Environment,
): Promise<readonly Assessment[] | PlanFailure> {
  const instances = targets.length === 0 ? plan.instances : closureOf(plan, targets);
  return looking(plan, instances, environment, {}, (engine, inputs, { findings, produced }) => {
    const expected = expectedSeconds(engine, inputs, instances);
    return findings.map((finding): Assessment => {
      const { instance } = finding;
      const { name } = instance;
      const assessment = (
        state: Assessment["state"],
        reasons: readonly Reason[],
        dependsOn: readonly InstanceName[] = [],
      ): Assessment => ({
        instance: name,
        state,
        reasons,
        dependsOn,
        lastSeconds: engine.history.get(name)?.seconds,
        expectedSeconds: expected.get(name),
      });
      if ("roots" in finding) {
        const manifest = manifestOf(instance, inputs, produced);
        return isFailure(manifest)
          ? assessment("stale", [reason(manifest.reason, instance.stage, undefined, manifest.message)], finding.roots)
          : assessment("depends", reasonsFor(engine, instance, manifest, true), finding.roots);
      }
      const { verdict } = finding;
      switch (verdict.state) {
        case "fresh":
          return assessment("fresh", []);
        case "restorable":
          return assessment("restorable", verdict.reasons);
        case "broken":
          return assessment("stale", [
            reason(verdict.failure.reason, instance.stage, undefined, verdict.failure.message),
          ]);
        case "stale": {
          const { known: damaged, manifest, reasons } = verdict;
          return assessment("stale", damaged === undefined ? reasonsFor(engine, instance, manifest, true) : reasons);
        }
        default:
          return verdict satisfies never;
      }
    });
  });
}
