import { closeSync, fstatSync, openSync, readdirSync, readSync } from "node:fs";
import type { TaskEvent } from "./task.ts";

/** Whole lines that are events; a kill may have cut one in two. */
export function parseEvents(text: string): TaskEvent[] {
  return text.split("\n").flatMap((line) => {
    if (line === "") return [];
    try {
      return [JSON.parse(line) as TaskEvent];
    } catch {
      return [];
    }
  });
}

/**
 * The members that have ended. A start that was put back may go on for a while, where its node was given up: what failed
 * there does not count.
 */
export function settledIn(events: readonly TaskEvent[]): ReadonlySet<number> {
  const settled = new Set<number>();
  let start = 0;
  for (const event of events) {
    if (event.type === "began") start = event.start;
    else if (event.type === "settled" && counts(event, start)) settled.add(event.member);
  }
  return settled;
}

export function counts(event: Extract<TaskEvent, { readonly type: "settled" }>, start: number): boolean {
  return event.start >= start || event.end.type === "finished";
}

/** Reads what a process has told since the last time. */
export interface EventReader {
  read(): readonly TaskEvent[];
}

export function openEvents(file: string): EventReader {
  let offset = 0;
  let rest: Uint8Array = new Uint8Array();
  return {
    read() {
      const descriptor = open(file);
      if (descriptor === undefined) return [];
      try {
        const { size } = fstatSync(descriptor);
        if (size <= offset) return [];
        const chunk = Buffer.alloc(size - offset);
        const length = readSync(descriptor, chunk, 0, chunk.length, offset);
        offset += length;
        const all = Buffer.concat([rest, chunk.subarray(0, length)]);
        const end = all.lastIndexOf(0x0a) + 1;
        rest = all.subarray(end);
        return parseEvents(all.subarray(0, end).toString());
      } finally {
        closeSync(descriptor);
      }
    },
  };
}

/** Which processes have begun to tell: until then nobody looks for what they tell. */
export interface Arrivals {
  look(): void;
  has(index: number): boolean;
}

/** A folder's time may be this coarse, or its server's clock this much behind: a change after a look could keep it. */
const COARSE_MS = 2000;

export function openArrivals(folder: string): Arrivals {
  const names = new Set<string>();
  let time: number | undefined;
  return {
    look() {
      const descriptor = open(folder);
      if (descriptor === undefined) return;
      try {
        const { mtimeMs } = fstatSync(descriptor);
        if (mtimeMs === time) return;
        for (const name of readdirSync(folder)) names.add(name);
        if (Date.now() - mtimeMs > COARSE_MS) time = mtimeMs;
      } catch {
        // A network file system refuses now and then; the next look is soon.
      } finally {
        closeSync(descriptor);
      }
    },
    has: (index) => names.has(String(index)),
  };
}

/** Opened each time: that is when a network file system asks the server what is new. */
function open(path: string): number | undefined {
  try {
    return openSync(path, "r");
  } catch {
    return undefined;
  }
}
