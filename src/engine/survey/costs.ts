import { cpus } from "node:os";
import type { Store } from "../files/store.ts";
import { openTable, type Table } from "../files/table.ts";
import { describeFacts } from "../keys/facts.ts";
import type { Inputs } from "../keys/inputs.ts";
import type { Instance, Work } from "../plan/plan.ts";
import { type Sample, secondsOf } from "./pace.ts";

/**
 * The measured cost model: how long declared work took on this machine and device. Kept apart from results, since a
 * result may come from elsewhere; losing it costs estimates and nothing else.
 */
export interface Costs {
  /** `done`: by how much its progress went on meanwhile, where it told any. */
  note(instance: Instance, inputs: Inputs, seconds: number, done?: number): void;
  /** Seconds that an instance's work should take; `undefined` where nothing comparable was measured. */
  estimate(instance: Instance, inputs: Inputs): number | undefined;
  save(): void;
}

interface Measured {
  /** The latest last. */
  readonly samples: readonly Sample[];
}

const KEPT = 64;

export function openCosts(store: Store): Costs {
  let table: Table<Measured> | undefined;
  // Most starts run nothing and need no estimate.
  const open = (): Table<Measured> => {
    table ??= openTable<Measured>(store, "costs", 1);
    return table;
  };
  return {
    note(instance, inputs, seconds, done) {
      const { work, stage } = instance;
      if (work === undefined || !(seconds > 0)) return;
      const key = keyOf(stage, work, placeOf(instance, inputs));
      const samples = open().get(key)?.samples ?? [];
      const share = work.times === undefined || done === undefined ? 1 : done / work.times;
      if (!(share > 0)) return;
      const amount = share * work.amount;
      const sample: Sample = work.steps === undefined ? [amount, seconds] : [amount, seconds, share * work.steps];
      open().set(key, { samples: [...samples, sample].slice(-KEPT) });
    },
    estimate(instance, inputs) {
      const { work, stage } = instance;
      if (work === undefined) return undefined;
      const place = placeOf(instance, inputs);
      const own = open().get(keyOf(stage, work, place))?.samples ?? [];
      return secondsOf(work, own, () => {
        if (work.unit === undefined) return own;
        const suffix = JSON.stringify([work.unit, place]).slice(1);
        const all = [...open().keys()].filter((key) => key.endsWith(suffix));
        return all.flatMap((key) => open().get(key)!.samples);
      });
    },
    save: () => table?.save(),
  };
}

function keyOf(stage: string, { unit = "" }: Work, place: string): string {
  return JSON.stringify([stage, unit, place]);
}

let machine: string | undefined;

/** What decides how fast it goes: the processor, and the device of the stage's platform. */
function placeOf({ platform }: Instance, inputs: Inputs): string {
  machine ??= `${cpus().length} × ${cpus()[0]?.model.trim() ?? "cpu"}`;
  return platform === undefined ? machine : `${machine}, ${describeFacts(inputs.facts(platform))}`;
}
