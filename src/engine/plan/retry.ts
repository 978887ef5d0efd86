import type { Failure } from "./event.ts";
import type { Retries } from "./plan.ts";

/** How an action may fail, as `retries: { on }` names it. */
export const TRANSIENT: readonly string[] = [
  "cancelled",
  "command-failed",
  "disk-full",
  "invalid-out",
  "io-error",
  "job-failed",
  "job-lost",
  "killed",
  "missing-out",
  "node-failed",
  "out-of-memory",
  "preempted",
  "stage-exited",
  "stage-failed",
  "stage-threw",
  "timed-out",
  "too-many-open-files",
];

/** Seconds to wait before an action that has failed so many times runs again; `undefined` where it is not to. */
export function retryAfter(retries: Retries | undefined, failure: Failure, failures: number): number | undefined {
  if (retries === undefined || failures > retries.times) return undefined;
  const { reason, exitCode } = failure;
  if (!retries.on.some((wanted) => wanted === reason || wanted === exitCode)) return undefined;
  // Whatever was overloaded gets more time from one to the next.
  return retries.delay * 2 ** (failures - 1);
}

const UNITS: Readonly<Record<string, number>> = { ms: 1e-3, s: 1, m: 60, h: 3600, d: 86_400 };

/** Seconds of `90s`, `30m`, `1h30m` or a plain number; `undefined` for anything else. */
export function parseDuration(text: string | number): number | undefined {
  if (typeof text === "number") return text >= 0 ? text : undefined;
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)\s*(ms|[smhd])/g)];
  if (parts.length === 0 || text.replaceAll(/(\d+(?:\.\d+)?)\s*(ms|[smhd])/g, "").trim() !== "") return undefined;
  return parts.reduce((sum, [, count, unit]) => sum + Number(count) * UNITS[unit!]!, 0);
}

/** `90` → `1m30s` */
export function formatDuration(seconds: number): string {
  if (seconds < 60) return `${seconds}s`;
  const [hours, minutes, rest] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  return `${hours > 0 ? `${hours}h` : ""}${minutes > 0 ? `${minutes}m` : ""}${rest > 0 ? `${rest}s` : ""}`;
}
