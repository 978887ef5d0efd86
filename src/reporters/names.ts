import { stageOf } from "./reporter.ts";
import { clipMiddle, widthOf } from "./text.ts";

/**
 * Names of instances that are shown together, each within a width. Where a full name is too long, it keeps what tells it
 * from its siblings: `train@eta=0.1,seed=3,mode=full` → `train@seed=3` → `train@3`.
 */
export function shortNames(instances: readonly string[], width: number): string[] {
  return instances.map((instance) => {
    if (widthOf(instance) <= width) return instance;
    const stage = stageOf(instance);
    const siblings = instances.filter((other) => stageOf(other) === stage && other !== instance).map(pairsOf);
    const pairs = pairsOf(instance).filter((pair, i) => siblings.some((others) => others[i] !== pair));
    const telling = pairs.length > 0 ? pairs : pairsOf(instance);
    const values = telling.map((pair) => pair.slice(pair.indexOf("=") + 1));
    const candidates = [`${stage}@${telling.join(",")}`, `${stage}@${values.join(",")}`];
    return candidates.find((name) => widthOf(name) <= width) ?? clipMiddle(candidates[1]!, width);
  });
}

function pairsOf(instance: string): string[] {
  return instance.slice(stageOf(instance).length + 1).split(",");
}
