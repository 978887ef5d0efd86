import type { Emit, Event } from "../plan/event.ts";
import type { InstanceName } from "../plan/plan.ts";
import type { Budget } from "../plan/resources.ts";
import { forecastSeconds, type Ongoing } from "./forecast.ts";
import type { Slot, State } from "./scheduler.ts";
import type { Task } from "./task.ts";

/** Tells, while a run goes on, how long the rest of it takes: `estimate` events. */
export interface Outlook {
  /** Is told every event, besides whoever else is. */
  observe(event: Event): void;
  /** These share a process from now on. */
  began(slot: Slot): void;
  /** The schedule has gone a step. */
  stepped(states: ReadonlyMap<InstanceName, State>): void;
}

export interface Prospect {
  /** Producers first. */
  readonly tasks: readonly Task[];
  readonly budget: Budget;
  /** Whether it is known that an instance runs, rather than being restored. */
  isStale(name: InstanceName): boolean;
  /** Seconds as far as they are known by now. */
  expected(): ReadonlyMap<InstanceName, number>;
  readonly emit: Emit;
}

const AFTER_STEPS_MS = 1000;
const AFTER_PROGRESS_MS = 5000;
/** Less than this share of a process says nothing about the rest; from this on it says all. */
const [TELLING, CERTAIN] = [0.02, 0.25];

export function openOutlook({ tasks, budget, isStale, expected, emit }: Prospect): Outlook {
  const shares = new Map<InstanceName, number>();
  const slots = new Map<Slot, number>();
  let states: ReadonlyMap<InstanceName, State> = new Map();
  let told: { readonly at: number; readonly seconds: number; readonly unknown: number } | undefined;
  let looked = Number.NEGATIVE_INFINITY;
  /** Looking takes no more than a twentieth of the time. */
  let pause = 0;

  /** By what its members tell of their progress, else by recorded times; `undefined` where neither says anything. */
  const ongoing = (known: ReadonlyMap<InstanceName, number>): Ongoing[] =>
    [...slots].flatMap(([{ names }, since]) => {
      const left = names.filter((name) => states.get(name) === "performing");
      if (left.length === 0) return [];
      const elapsed = (performance.now() - since) / 1000;
      const share =
        names.reduce((sum, name) => sum + (left.includes(name) ? (shares.get(name) ?? 0) : 1), 0) / names.length;
      const byShare = share >= TELLING ? elapsed / share : undefined;
      const recorded = names.some((name) => known.has(name))
        ? names.reduce((sum, name) => sum + (known.get(name) ?? 0), 0)
        : undefined;
      if (byShare === undefined && recorded === undefined) return [{ names: left, seconds: 0 }];
      // The start of a process, too, is in what has passed: at first the record says more.
      const weight = recorded === undefined ? 1 : byShare === undefined ? 0 : Math.min(1, share / CERTAIN);
      const whole = weight * (byShare ?? 0) + (1 - weight) * (recorded ?? 0);
      // Late already: nobody knows how late it will be.
      return [{ names: left, seconds: Math.max(whole - elapsed, elapsed / 10) }];
    });

  const look = (): void => {
    looked = performance.now();
    const pending = new Set<InstanceName>();
    for (const { name, producers } of tasks) {
      const state = states.get(name);
      const runs = (state === "queued" || state === "performing") && isStale(name);
      // What waits for something that runs may run as well.
      if (runs || (state === "waiting" && producers.some((producer) => pending.has(producer)))) pending.add(name);
    }
    if (pending.size === 0) return;
    const known = expected();
    const ahead = tasks.filter(({ name }) => pending.has(name));
    const unknown = ahead.filter(({ name }) => !known.has(name) && (shares.get(name) ?? 0) < TELLING).length;
    const timed = ahead.map(({ name, producers, demand, together }) => ({
      name,
      producers,
      demand,
      together,
      seconds: known.get(name) ?? 0,
    }));
    const seconds = forecastSeconds(timed, budget, ongoing(known));
    pause = 20 * (performance.now() - looked);
    if (seconds === 0) return;
    if (told !== undefined) {
      const by = told.seconds - (looked - told.at) / 1000;
      if (unknown === told.unknown && Math.abs(seconds - by) <= Math.max(1, 0.05 * by)) return;
    }
    told = { at: looked, seconds, unknown };
    emit({ type: "estimate", seconds: Math.round(seconds * 100) / 100, unknown });
  };

  return {
    observe(event) {
      if (event.type !== "progress") return;
      const { done, total } = event.progress;
      if (total > 0) shares.set(event.instance, Math.min(1, done / total));
      if (performance.now() - looked >= Math.max(AFTER_PROGRESS_MS, pause)) look();
    },
    began(slot) {
      if (!slots.has(slot)) slots.set(slot, performance.now());
      for (const name of slot.names) shares.delete(name);
    },
    stepped(now) {
      states = now;
      for (const slot of slots.keys())
        if (!slot.names.some((name) => now.get(name) === "performing")) slots.delete(slot);
      if (slots.size > 0 && performance.now() - looked >= Math.max(AFTER_STEPS_MS, pause)) look();
    },
  };
}
