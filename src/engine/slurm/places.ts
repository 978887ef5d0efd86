import { statSync } from "node:fs";
import type { Key } from "../plan/plan.ts";
import { keysFile, linesIn, type Spool, spoolRoot, spoolsIn, takenFile } from "./spool.ts";

/** Which process of a submission was handed an action. */
export interface Place {
  readonly spool: Spool;
  readonly index: number;
  readonly member: number;
}

/** What earlier drivers have left. */
export interface Places {
  /** `undefined` where nobody has it, or the driver is done with it. */
  find(key: Key): Place | undefined;
  forget(key: Key): void;
  /** A submission of this driver, which nobody has left. */
  own(spool: Spool): void;
}

/** Between two looks at whether another driver has left something, too. */
const LOOK_MS = 1000;

export function openPlaces(workspace: string): Places {
  const places = new Map<Key, Place>();
  const known = new Set<string>();
  let looked = Number.NEGATIVE_INFINITY;
  let changed: number | undefined;
  const look = (): void => {
    const now = performance.now();
    if (now - looked < LOOK_MS) return;
    looked = now;
    const time = statSync(spoolRoot(workspace), { throwIfNoEntry: false })?.mtimeMs;
    if (time === changed) return;
    changed = time;
    for (const spool of spoolsIn(workspace)) {
      if (known.has(spool.id)) continue;
      known.add(spool.id);
      for (const [key, place] of placesIn(spool)) places.set(key, place);
    }
  };
  return {
    find(key) {
      look();
      return places.get(key);
    },
    forget: (key) => void places.delete(key),
    own: ({ id }) => void known.add(id),
  };
}

/** What a submission runs, without what the driver is done with. */
export function placesIn(spool: Spool): Map<Key, Place> {
  const taken = new Set(linesIn(takenFile(spool)));
  return new Map(
    linesIn(keysFile(spool)).flatMap((line) => {
      const [key, index, member] = line.split(" ");
      if (member === undefined || taken.has(index!) || taken.has(`${index} ${member}`)) return [];
      return [[key as Key, { spool, index: Number(index), member: Number(member) }] as const];
    }),
  );
}
