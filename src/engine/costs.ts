import { cpus } from "node:os";
import type { Inputs } from "./inputs.ts";
import type { Instance, Work } from "./plan.ts";
import { describeFacts } from "./platform.ts";
import type { Store } from "./store.ts";
import { openTable, type Table } from "./table.ts";

/**
 * The measured cost model: how long declared work took on this machine and device. Kept apart from results, since a
 * result may come from elsewhere; losing it costs estimates and nothing else.
 */
export interface Costs {
  note(instance: Instance, inputs: Inputs, seconds: number): void;
  /** Seconds that an instance's work should take; `undefined` where nothing comparable was measured. */
  estimate(instance: Instance, inputs: Inputs): number | undefined;
  save(): void;
}

/** What was measured, the latest last: amounts of work and their seconds. */
interface Measured {
  readonly samples: readonly (readonly [amount: number, seconds: number])[];
}

const KEPT = 64;
const NEAREST = 5;

export function openCosts(store: Store): Costs {
  let table: Table<Measured> | undefined;
  // Most starts run nothing and need no estimate.
  const open = (): Table<Measured> => {
    table ??= openTable<Measured>(store, "costs", 1);
    return table;
  };
  return {
    note(instance, inputs, seconds) {
      const { work, stage } = instance;
      if (work === undefined || !(seconds > 0)) return;
      const key = keyOf(stage, work, placeOf(instance, inputs));
      const samples = open().get(key)?.samples ?? [];
      open().set(key, { samples: [...samples, [work.amount, seconds] as const].slice(-KEPT) });
    },
    estimate(instance, inputs) {
      const { work, stage } = instance;
      if (work === undefined) return undefined;
      const place = placeOf(instance, inputs);
      const own = open().get(keyOf(stage, work, place))?.samples ?? [];
      if (own.length > 0 || work.unit === undefined) return secondsOf(work.amount, own);
      const suffix = JSON.stringify([work.unit, place]).slice(1);
      const others = [...open().keys()].filter((key) => key.endsWith(suffix));
      return secondsOf(
        work.amount,
        others.flatMap((key) => open().get(key)!.samples),
      );
    },
    save: () => table?.save(),
  };
}

/**
 * Work × the median of the seconds per unit of the five executions that are nearest in work, by ratio. The nearest, since
 * a process also takes time to start: among small pieces of work a unit looks dearer than it is in a large one.
 */
export function secondsOf(amount: number, samples: Measured["samples"]): number | undefined {
  const distance = ([other]: readonly [number, number]): number => Math.abs(Math.log(other / amount));
  const nearest = [...samples].sort((a, b) => distance(a) - distance(b)).slice(0, NEAREST);
  if (nearest.length === 0) return undefined;
  const rates = nearest.map(([other, seconds]) => seconds / other).sort((a, b) => a - b);
  const middle = rates.length >> 1;
  return amount * (rates.length % 2 === 1 ? rates[middle]! : (rates[middle - 1]! + rates[middle]!) / 2);
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
