import type { Engine } from "./engine.ts";
import { examine, type Verdict } from "./examine.ts";
import type { Inputs } from "./inputs.ts";
import type { Produced } from "./key.ts";
import { contentOf, type Outs } from "./outcome.ts";
import type { Instance, InstanceName } from "./plan.ts";

/** What a look at one instance finds: a verdict, or the stale instances upstream whose outs have to be made first. */
export type Finding =
  | { readonly instance: Instance; readonly verdict: Verdict }
  | { readonly instance: Instance; readonly roots: readonly InstanceName[] };

export interface Survey {
  /** In plan order. */
  readonly findings: readonly Finding[];
  /** The outs of the instances that are fresh or can be restored. */
  readonly produced: Produced;
}

/** Looks at instances in plan order, producers first, and changes nothing. */
export async function survey(engine: Engine, inputs: Inputs, instances: readonly Instance[]): Promise<Survey> {
  const known = new Map<InstanceName, Outs>();
  const undecided = new Map<InstanceName, readonly InstanceName[]>();
  const produced: Produced = (instance, out) => {
    const result = known.get(instance)?.[out];
    return result && contentOf(result);
  };
  const findings: Finding[] = [];
  for (const instance of instances) {
    const { name } = instance;
    const roots = [...new Set(producersOf(instance).flatMap((producer) => undecided.get(producer) ?? []))];
    if (roots.length > 0) {
      undecided.set(name, roots);
      findings.push({ instance, roots });
      continue;
    }
    const verdict = await examine(engine, inputs, instance, produced, false);
    if (verdict.state === "fresh" || verdict.state === "restorable") known.set(name, verdict.outs);
    else undecided.set(name, [name]);
    findings.push({ instance, verdict });
  }
  return { findings, produced };
}

export function producersOf(instance: Instance): InstanceName[] {
  return [
    ...new Set(instance.deps.flatMap((dep) => (dep.type === "out" ? dep.from.map((from) => from.instance) : []))),
  ];
}
