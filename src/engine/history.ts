import type { Outs } from "./outcome.ts";
import type { Instance, InstanceName, Key } from "./plan.ts";
import type { Store } from "./store.ts";
import { openTable } from "./table.ts";

/** What this workspace last had of an instance. A memo: the action cache is the truth. */
export interface Past {
  /** The key whose outs were last put in place, and what they are. */
  readonly key: Key;
  readonly outs: Outs;
  /** How long the last execution took. */
  readonly seconds: number;
  /** Keys that it had, the latest last. `why` looks for the one nearest to the present. */
  readonly keys: readonly Key[];
}

export interface History {
  get(instance: InstanceName): Past | undefined;
  /** `seconds` is `undefined` for a restore: it says nothing about how long the action takes. */
  note(instance: InstanceName, key: Key, outs: Outs, seconds: number | undefined): void;
  save(): void;
}

const KEYS_KEPT = 32;

export function openHistory(store: Store): History {
  const table = openTable<Past>(store, "history", 1);
  return {
    get: (instance) => table.get(instance),
    note(instance, key, outs, seconds) {
      const past = table.get(instance);
      const keys = [...(past?.keys ?? []).filter((other) => other !== key), key].slice(-KEYS_KEPT);
      table.set(instance, { key, outs, seconds: seconds ?? past?.seconds ?? 0, keys });
    },
    save: () => table.save(),
  };
}

/** Seconds that an instance is expected to take: its own last time, else the mean of its stage's others, else one. */
export function expectedSeconds(history: History, instances: readonly Instance[]): ReadonlyMap<InstanceName, number> {
  const ofStage = new Map<string, { sum: number; count: number }>();
  const known = new Map<InstanceName, number>();
  for (const { name, stage } of instances) {
    const seconds = history.get(name)?.seconds;
    if (seconds === undefined) continue;
    known.set(name, seconds);
    const { sum, count } = ofStage.get(stage) ?? { sum: 0, count: 0 };
    ofStage.set(stage, { sum: sum + seconds, count: count + 1 });
  }
  for (const { name, stage } of instances) {
    const mean = ofStage.get(stage);
    if (!known.has(name)) known.set(name, mean === undefined ? 1 : mean.sum / mean.count);
  }
  return known;
}
