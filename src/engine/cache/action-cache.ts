import { readFileSync, utimesSync } from "node:fs";
import { CACHE_FORMAT, type Store } from "../files/store.ts";
import { digestOf, isDigest, short } from "../plan/digest.ts";
import { keyOf } from "../plan/manifest.ts";
import type { ActionRecord } from "../plan/outcome.ts";
import type { Key } from "../plan/plan.ts";

/** Key → result of the action. Separate from the CAS: a record names blobs by digest and is written only after them. */
export interface ActionCache {
  get(key: Key): ActionRecord | undefined;
  put(record: ActionRecord): void;
  /** Notes that a record was of use: `pipeline gc` goes by age. */
  touch(key: Key): void;
}

/** A record that cannot be used is a miss, and is told through `warn`: the action runs again and replaces it. */
export function openActionCache(store: Store, warn: (message: string) => void): ActionCache {
  return {
    get(key) {
      let text: string;
      try {
        text = readFileSync(store.action(key), "utf8");
      } catch (error) {
        const { code, message } = error as NodeJS.ErrnoException;
        if (code !== "ENOENT") warn(`the action record ${short(key)} cannot be read and counts as missing: ${message}`);
        return undefined;
      }
      const record = parseRecord(text, key);
      if (typeof record !== "string") return record;
      warn(`the action record ${short(key)} ${record}; it counts as missing`);
      return undefined;
    },
    touch(key) {
      const now = new Date();
      try {
        utimesSync(store.action(key), now, now);
      } catch {
        // Read-only, or gone meanwhile.
      }
    },
    put(record) {
      store.publish(store.action(record.key), recordText(record));
    },
  };
}

/** What `parseRecord` reads. */
export function recordText(record: ActionRecord): string {
  const body = { format: CACHE_FORMAT, ...record };
  return `${JSON.stringify({ ...body, checksum: digestOf(JSON.stringify(body)) })}\n`;
}

/** The record, or what is wrong with it. */
export function parseRecord(text: string, key: Key): ActionRecord | string {
  let value: { format?: unknown; checksum?: unknown };
  try {
    value = JSON.parse(text);
  } catch {
    return "is broken";
  }
  if (typeof value !== "object" || value === null || !("format" in value)) return "is broken";
  const { checksum, ...body } = value;
  if (body.format !== CACHE_FORMAT)
    return `has format ${JSON.stringify(body.format)}, and this version reads ${CACHE_FORMAT}`;
  // What JSON.stringify wrote, it writes again: the checksum covers every byte that matters.
  if (checksum !== digestOf(JSON.stringify(body))) return "is broken (its checksum does not match)";
  const { format: _, ...record } = body as ActionRecord & { format: number };
  if (record.key !== key || keyOf(record.manifest) !== key) return "belongs to another key";
  if (!Object.values(record.outs).every(({ digest }) => isDigest(digest))) return "is broken (an out has no digest)";
  return record;
}
