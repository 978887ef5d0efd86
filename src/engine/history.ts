import type { Outs } from "./outcome.ts";
import type { InstanceName, Key, Work } from "./plan.ts";
import type { Store } from "./store.ts";
import { openTable } from "./table.ts";

/** What this workspace last had of an instance. A memo: the action cache is the truth. */
export interface Past {
  /** The key whose outs were last put in place, and what they are. */
  readonly key: Key;
  readonly outs: Outs;
  /** How long the last execution took. */
  readonly seconds: number;
  /** What it then had to do, where that was declared. */
  readonly work?: Work;
  /** Keys that it had, the latest last. `why` looks for the one nearest to the present. */
  readonly keys: readonly Key[];
}

/** One execution. */
export interface Took {
  readonly seconds: number;
  readonly work?: Work | undefined;
}

export interface History {
  get(instance: InstanceName): Past | undefined;
  /** `took` is `undefined` for a restore: it says nothing about how long the action takes. */
  note(instance: InstanceName, key: Key, outs: Outs, took: Took | undefined): void;
  save(): void;
}

const KEYS_KEPT = 32;

export function openHistory(store: Store): History {
  const table = openTable<Past>(store, "history", 1);
  return {
    get: (instance) => table.get(instance),
    note(instance, key, outs, took) {
      const past = table.get(instance);
      const keys = [...(past?.keys ?? []).filter((other) => other !== key), key].slice(-KEYS_KEPT);
      const { seconds = 0, work } = took ?? past ?? {};
      table.set(instance, { key, outs, seconds, ...(work === undefined ? {} : { work }), keys });
    },
    save: () => table.save(),
  };
}
