import type { Inputs } from "../keys/inputs.ts";
import type { Produced } from "../keys/key.ts";
import { contentOf, type Outs } from "../plan/outcome.ts";
import type { Instance, InstanceName } from "../plan/plan.ts";
import { limited } from "../system/limited.ts";
import type { Engine } from "./engine.ts";
import { examine, type Verdict } from "./examine.ts";

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

/** So many instances are looked at together: what bounds requests is the remote cache's own business. */
const TOGETHER = 64;

/**
 * Looks at instances (in plan order, producers first) and changes nothing. Where a remote cache is asked, all whose
 * producers are known are looked at together. `reconsider` may put another verdict in the place of one.
 */
export async function survey(
  engine: Engine,
  inputs: Inputs,
  instances: readonly Instance[],
  reconsider: (instance: Instance, verdict: Verdict) => Verdict | Promise<Verdict> = (_, verdict) => verdict,
): Promise<Survey> {
  const known = new Map<InstanceName, Outs>();
  const undecided = new Map<InstanceName, readonly InstanceName[]>();
  const produced: Produced = (instance, out) => {
    const result = known.get(instance)?.[out];
    return result && contentOf(result);
  };
  const look = async (instance: Instance): Promise<Finding> => {
    const { name } = instance;
    const roots = [...new Set(producersOf(instance).flatMap((producer) => undecided.get(producer) ?? []))];
    if (roots.length > 0) {
      undecided.set(name, roots);
      return { instance, roots };
    }
    const verdict = await reconsider(instance, await examine(engine, inputs, instance, produced, false));
    if (verdict.state === "fresh" || verdict.state === "restorable") known.set(name, verdict.outs);
    else undecided.set(name, [name]);
    return { instance, verdict };
  };
  if (engine.remote === undefined) {
    const findings: Finding[] = [];
    for (const instance of instances) findings.push(await look(instance));
    return { findings, produced };
  }
  const inTurn = limited(TOGETHER);
  const looked = new Map<InstanceName, Promise<Finding>>();
  for (const instance of instances) {
    const producers = Promise.all(producersOf(instance).map((producer) => looked.get(producer)));
    looked.set(
      instance.name,
      producers.then(() => inTurn(() => look(instance))),
    );
  }
  return { findings: await Promise.all(looked.values()), produced };
}

export function producersOf(instance: Instance): InstanceName[] {
  return [
    ...new Set(instance.deps.flatMap((dep) => (dep.type === "out" ? dep.from.map((from) => from.instance) : []))),
  ];
}
