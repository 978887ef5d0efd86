import { setTimeout as sleep } from "node:timers/promises";
import type { ActionRecord } from "../plan/outcome.ts";
import type { Uploads } from "./uploads.ts";

/** Results that are still to be sent. */
export interface Unsent {
  readonly results: number;
  readonly bytes: number;
}

/** Sends results beside a run. */
export interface SendQueue {
  push(record: ActionRecord): void;
  /** Resolves when everything was sent, or cannot be; meanwhile tells what is left. */
  finish(tell: (left: Unsent) => void): Promise<void>;
  /** How many results were given up because the run was interrupted. */
  givenUp(): number;
}

/** Results that are sent at a time; the others wait as records, whose blobs are in the local cache. */
const SENDERS = 4;
/** What takes less than this needs no telling. */
const FIRST_TOLD_MS = 1000;
const TOLD_EVERY_MS = 500;

export function openSendQueue(uploads: Uploads, mayWrite: () => boolean, signal: AbortSignal): SendQueue {
  const queue: ActionRecord[] = [];
  const under = new Set<ActionRecord>();
  const senders = new Set<Promise<void>>();
  let givenUp = 0;

  const work = async (): Promise<void> => {
    for (let record = queue.shift(); record !== undefined; record = queue.shift()) {
      under.add(record);
      const sent = await uploads.send(record).finally(() => under.delete(record));
      if (!sent && signal.aborted) givenUp++;
    }
  };
  const left = (): Unsent => {
    const records = [...under, ...queue];
    const bytes = records.reduce((sum, record) => sum + bytesOf(record), 0);
    return { results: records.length, bytes: Math.max(0, bytes - uploads.underWay()) };
  };

  return {
    push(record) {
      if (!mayWrite()) return;
      queue.push(record);
      if (senders.size >= SENDERS) return;
      const sender = work().finally(() => senders.delete(sender));
      senders.add(sender);
    },
    async finish(tell) {
      const over = new AbortController();
      const telling = (async () => {
        let told = "";
        for (let pause = FIRST_TOLD_MS; ; pause = TOLD_EVERY_MS) {
          if (!(await sleep(pause, true, { signal: over.signal }).catch(() => false))) break;
          const now = left();
          if (`${now.results} ${now.bytes}` !== told) tell(now);
          told = `${now.results} ${now.bytes}`;
        }
        if (told !== "") tell({ results: 0, bytes: 0 });
      })();
      while (senders.size > 0) await Promise.all(senders);
      over.abort();
      await telling;
    },
    givenUp: () => givenUp,
  };
}

function bytesOf({ outs }: ActionRecord): number {
  return Object.values(outs).reduce((sum, { bytes }) => sum + bytes, 0);
}
