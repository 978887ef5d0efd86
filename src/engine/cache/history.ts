import type { Store } from "../files/store.ts";
import { openTable } from "../files/table.ts";
import type { Outs } from "../plan/outcome.ts";
import type { InstanceName, Key, Work } from "../plan/plan.ts";

/** What this workspace last had of an instance. A memo: the action cache is the truth. */
export interface Past {
  /** The key whose outs were last put in place, and what they are. */
  readonly key: Key;
  readonly outs: Outs;
  /** How long the last execution took. */
  readonly seconds: number;
  /** What it then had to do, where that was declared. */
  readonly work?: Work;
  /** When that key's record was last marked as of use, in ms; a whole hour goes without asking the disk. */
  readonly marked?: number;
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
  note(instance: InstanceName, key: Key, outs: Outs, took: Took | undefined): void;
  /** Notes a restore, which says nothing about how long the action takes; where it is time to, `mark` is called. */
  noteRestore(instance: InstanceName, key: Key, outs: Outs, mark: () => void): void;
  save(): void;
}

const KEYS_KEPT = 32;
/** `pipeline gc` goes by days. */
const MARK_EVERY_MS = 60 * 60 * 1000;

export function openHistory(store: Store): History {
  const table = openTable<Past>(store, "history", 1);
  const note = (instance: InstanceName, key: Key, outs: Outs, took: Took | undefined, marked?: number): void => {
    const past = table.get(instance);
    const keys = [...(past?.keys ?? []).filter((other) => other !== key), key].slice(-KEYS_KEPT);
    const { seconds = 0, work } = took ?? past ?? {};
    table.set(instance, {
      key,
      outs,
      seconds,
      ...(work === undefined ? {} : { work }),
      ...(marked === undefined ? {} : { marked }),
      keys,
    });
  };
  return {
    get: (instance) => table.get(instance),
    note,
    noteRestore(instance, key, outs, mark) {
      const past = table.get(instance);
      const now = Date.now();
      // Mostly a restore puts back what was there: nothing to write.
      if (past?.key === key && past.outs === outs && Math.abs(now - (past.marked ?? 0)) < MARK_EVERY_MS) return;
      mark();
      note(instance, key, outs, undefined, now);
    },
    save: () => table.save(),
  };
}
