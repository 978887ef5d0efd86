import type { Event } from "../engine/plan/event.ts";
import type { InstanceName } from "../engine/plan/plan.ts";
import { jobNote } from "./lines.ts";
import { createRateMeter, MEMBERS, type RateMeter } from "./rate.ts";
import { stageOf } from "./reporter.ts";

/** One process that runs: an instance, or several that share it. */
export interface RunningProcess {
  /** `train@eta=0.1`, or `train ×16`. */
  readonly name: string;
  /** Milliseconds on the reporter's clock. */
  readonly since: number;
  /** Of a batch: how many of its members are done, parts included. */
  readonly meter: RateMeter;
  /** Where its job is, on a cluster. */
  note: string | undefined;
}

interface Entry extends RunningProcess {
  readonly size: number;
  readonly members: Set<InstanceName>;
  /** How far each member is, from 0 to 1. */
  readonly shares: Map<InstanceName, number>;
}

/** What runs at the moment, by the events of a run. */
export interface Running {
  /** Takes an event, and when it came. Returns the process that it is of, where it still runs. */
  settle(event: Event, now: number): RunningProcess | undefined;
  processes(): readonly RunningProcess[];
  /** How many instances run. */
  readonly instances: number;
}

export function trackRunning(): Running {
  const of = new Map<InstanceName, Entry>();
  const batches = new Map<InstanceName, Entry>();

  const entryFor = ({ instance, batch }: Extract<Event, { type: "started" }>, now: number): Entry => {
    const known = batch && batches.get(batch.first);
    if (known !== undefined) return known;
    const entry = {
      name: batch === undefined ? instance : `${stageOf(instance)} ×${batch.size}`,
      since: now,
      meter: createRateMeter(),
      note: undefined,
      size: batch?.size ?? 1,
      members: new Set<InstanceName>(),
      shares: new Map<InstanceName, number>(),
    };
    if (batch !== undefined) batches.set(batch.first, entry);
    return entry;
  };
  const measure = (entry: Entry, now: number, message?: string): void => {
    const done = [...entry.shares.values()].reduce((sum, share) => sum + share, 0);
    entry.meter.update({ done, total: entry.size, unit: MEMBERS, ...(message === undefined ? {} : { message }) }, now);
  };

  return {
    settle(event, now) {
      switch (event.type) {
        case "started": {
          const entry = entryFor(event, now);
          entry.members.add(event.instance);
          of.set(event.instance, entry);
          return entry;
        }
        case "job": {
          const entry = of.get(event.instance);
          if (entry !== undefined) entry.note = jobNote(event);
          return entry;
        }
        case "progress": {
          const entry = of.get(event.instance);
          if (entry === undefined) return undefined;
          const { progress } = event;
          if (entry.size === 1) entry.meter.update(progress, now);
          else {
            entry.shares.set(event.instance, progress.total > 0 ? Math.min(1, progress.done / progress.total) : 0);
            measure(entry, now, progress.message);
          }
          return entry;
        }
        case "ran":
        case "failed":
        case "skipped":
        case "retrying": {
          const entry = of.get(event.instance);
          if (entry === undefined) return undefined;
          of.delete(event.instance);
          entry.members.delete(event.instance);
          entry.shares.set(event.instance, 1);
          if (entry.size > 1) measure(entry, now, entry.meter.latest?.message);
          if (entry.members.size > 0) return entry;
          for (const [first, batch] of batches) if (batch === entry) batches.delete(first);
          return undefined;
        }
        default:
          return undefined;
      }
    },
    processes: () => [...new Set(of.values())],
    get instances() {
      return of.size;
    },
  };
}
