/** Keeps a server that does not answer from holding up a run. */
export interface Breaker {
  /** Whether a request may be tried now. */
  allows(): boolean;
  succeeded(): void;
  /** Whether this failure is the one that opened it for the first time. */
  failed(): boolean;
  /** Nothing more is tried: it cannot become better. */
  gaveUp(): void;
}

/** So many failed attempts in a row, of whatever requests. */
const FAILURES = 4;
const FIRST_PAUSE_MS = 30_000;
const LONGEST_PAUSE_MS = 300_000;

/**
 * Closed until several attempts have failed with none that succeeded between them; then open: nothing is tried for half a
 * minute, then one attempt. Where that fails, too, for twice as long.
 */
export function createBreaker(now: () => number): Breaker {
  let failures = 0;
  let pause = 0;
  let until = 0;
  let probing = false;
  return {
    allows() {
      if (failures < FAILURES) return true;
      if (now() < until) return false;
      // This one is the probe: until it has answered, no other.
      until = now() + pause;
      probing = true;
      return true;
    },
    succeeded() {
      probing = false;
      failures = 0;
      pause = 0;
    },
    failed() {
      // What was under way when it opened says nothing new.
      if (failures >= FAILURES && !probing) return false;
      probing = false;
      failures++;
      if (failures < FAILURES) return false;
      const first = pause === 0;
      pause = first ? FIRST_PAUSE_MS : Math.min(2 * pause, LONGEST_PAUSE_MS);
      until = now() + pause;
      return first;
    },
    gaveUp() {
      failures = FAILURES;
      probing = false;
      pause = LONGEST_PAUSE_MS;
      until = Number.POSITIVE_INFINITY;
    },
  };
}
