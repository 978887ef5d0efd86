import { readFileSync, statSync } from "node:fs";
import type { Store } from "./store.ts";

/**
 * A memo on disk: one JSON file, read at once, written at once. Losing it costs time and nothing else, so a broken file
 * or one of another format is an empty table. Several processes may write: each adds what it changed to what is there.
 */
export interface Table<V> {
  get(key: string): V | undefined;
  set(key: string, value: V): void;
  delete(key: string): void;
  keys(): IterableIterator<string>;
  /** Throws what the file system throws. */
  save(): void;
}

export function openTable<V>(store: Store, name: string, format: number, limit = 100_000): Table<V> {
  const path = store.index(name);
  let stamp = stampOf(path);
  let entries = read<V>(path, format);
  const changed = new Map<string, V | undefined>();
  // Only a table that is filling up has to know what may go; remembering it costs as much as looking it up.
  const used = entries.size > limit / 2 ? new Set<string>() : undefined;
  return {
    get(key) {
      used?.add(key);
      return entries.get(key);
    },
    set(key, value) {
      used?.add(key);
      entries.set(key, value);
      changed.set(key, value);
    },
    delete(key) {
      entries.delete(key);
      changed.set(key, undefined);
    },
    keys: () => entries.keys(),
    save() {
      if (changed.size === 0) return;
      if (stampOf(path) !== stamp) {
        entries = read<V>(path, format);
        for (const [key, value] of changed) {
          if (value === undefined) entries.delete(key);
          else entries.set(key, value);
        }
      }
      if (entries.size > limit && used !== undefined) entries = new Map([...entries].filter(([key]) => used.has(key)));
      store.publish(path, JSON.stringify({ format, entries: [...entries] }));
      stamp = stampOf(path);
      changed.clear();
    },
  };
}

/** A table that starts empty and is never written. */
export function forgetful<V>(): Table<V> {
  const entries = new Map<string, V>();
  return {
    get: (key) => entries.get(key),
    set: (key, value) => void entries.set(key, value),
    delete: (key) => void entries.delete(key),
    keys: () => entries.keys(),
    save: () => undefined,
  };
}

function read<V>(path: string, format: number): Map<string, V> {
  try {
    const table = JSON.parse(readFileSync(path, "utf8")) as { format: number; entries: [string, V][] };
    if (table.format === format) return new Map(table.entries);
  } catch {
    // Missing or broken: start afresh.
  }
  return new Map();
}

function stampOf(path: string): string {
  try {
    const { mtimeNs, ino } = statSync(path, { bigint: true });
    return `${mtimeNs}:${ino}`;
  } catch {
    return "";
  }
}
