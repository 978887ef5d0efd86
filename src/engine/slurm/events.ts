import { closeSync, fstatSync, openSync, readSync } from "node:fs";
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

/** Reads what a process has told since the last time. */
export interface EventReader {
  read(): readonly TaskEvent[];
}

export function openEvents(file: string): EventReader {
  let offset = 0;
  let rest: Uint8Array = new Uint8Array();
  return {
    read() {
      let descriptor: number;
      try {
        // Opened each time: that is when a network file system asks the server what is new.
        descriptor = openSync(file, "r");
      } catch {
        return [];
      }
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
