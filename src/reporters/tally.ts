import type { Event } from "../engine/plan/event.ts";
import type { InstanceName } from "../engine/plan/plan.ts";
import { stageOf } from "./reporter.ts";

/** How the instances of one stage have ended so far. */
export interface StageTally {
  readonly stage: string;
  /** The number of instances in this run; 0 when it is not known. */
  readonly total: number;
  /** The last instance that ended: the only one of a stage without a matrix. */
  readonly instance: InstanceName;
  readonly fresh: number;
  readonly restored: number;
  readonly ran: number;
  readonly failed: number;
  readonly skipped: number;
  /** From the start of its first instance that ran to the end of its last; 0 when none ran. */
  readonly seconds: number;
}

const ENDINGS = ["fresh", "restored", "ran", "failed", "skipped"] as const;
type Ending = (typeof ENDINGS)[number];

/** Counts endings by stage. */
export interface Tally {
  /** Takes an event, and when it came in milliseconds; the stage's tally when its last instance has just ended. */
  settle(event: Event, now: number): StageTally | undefined;
  /** Stages of which some instances have ended and some have not: what an interruption leaves. */
  incomplete(): StageTally[];
  readonly settled: number;
  readonly total: number;
  /** How many instances of an instance's stage have failed so far. */
  failuresBeside(instance: InstanceName): number;
  count(ending: Ending): number;
}

export function createTally(): Tally {
  const begun = new Map<string, number>();
  const failures = new Map<string, number>();
  const stages = new Map<string, { -readonly [Property in keyof StageTally]: StageTally[Property] }>();
  const counts: Record<Ending, number> = { fresh: 0, restored: 0, ran: 0, failed: 0, skipped: 0 };
  let settled = 0;
  let total = 0;
  const endedOf = (tally: StageTally): number => ENDINGS.reduce((sum, ending) => sum + tally[ending], 0);
  const none = { fresh: 0, restored: 0, ran: 0, failed: 0, skipped: 0, seconds: 0 };

  return {
    settle(event, now) {
      if (event.type === "plan") {
        total = event.instances;
        for (const { stage, instances } of event.stages ?? []) {
          stages.set(stage, { stage, total: instances, instance: stage as InstanceName, ...none });
        }
        return undefined;
      }
      if (event.type === "started") {
        const stage = stageOf(event.instance);
        if (!begun.has(stage)) begun.set(stage, now);
      }
      if (!isEnding(event)) return undefined;
      settled++;
      counts[event.type]++;
      const stage = stageOf(event.instance);
      const tally = stages.get(stage) ?? { stage, total: 0, instance: event.instance, ...none };
      stages.set(stage, tally);
      tally.instance = event.instance;
      tally[event.type]++;
      if (event.type === "failed") failures.set(stage, (failures.get(stage) ?? 0) + 1);
      const start = begun.get(stage);
      // A single instance has measured itself.
      if (start !== undefined) tally.seconds = (now - start) / 1000;
      if (tally.total <= 1 && "seconds" in event) tally.seconds = event.seconds;
      if (tally.total > 0) return endedOf(tally) === tally.total ? tally : undefined;
      // Without a plan of stages each instance speaks for itself.
      stages.delete(stage);
      return { ...tally, total: 1 };
    },
    incomplete: () => [...stages.values()].filter((tally) => endedOf(tally) > 0 && endedOf(tally) < tally.total),
    get settled() {
      return settled;
    },
    get total() {
      return Math.max(total, settled);
    },
    failuresBeside: (instance) => failures.get(stageOf(instance)) ?? 0,
    count: (ending) => counts[ending],
  };
}

function isEnding(event: Event): event is Extract<Event, { type: Ending }> {
  return (ENDINGS as readonly string[]).includes(event.type);
}
