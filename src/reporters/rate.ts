import type { Progress } from "../stage.ts";
import { formatBytes, formatWholeSeconds } from "./text.ts";

/** How fast a stage goes, over the last ten seconds. */
export interface RateMeter {
  /** `now` in milliseconds. */
  update(progress: Progress, now: number): void;
  readonly latest: Progress | undefined;
  /** Units a second; `undefined` while too little is known. */
  rate(): number | undefined;
}

const WINDOW = 10_000;
/** The unit of a batch's progress. */
export const MEMBERS = "done";

export function createRateMeter(): RateMeter {
  let samples: { readonly done: number; readonly at: number }[] = [];
  let latest: Progress | undefined;
  return {
    update(progress, now) {
      // Another unit, or a count that falls, is another piece of work.
      if (latest?.unit !== progress.unit || progress.done < latest.done) samples = [];
      latest = progress;
      samples.push({ done: progress.done, at: now });
      // Keep one sample older than the window, to measure all of it.
      while (samples.length > 2 && now - samples[1]!.at > WINDOW) samples.shift();
    },
    get latest() {
      return latest;
    },
    rate() {
      const [first, last] = [samples[0], samples.at(-1)];
      if (first === undefined || last === undefined || last.at - first.at < 200) return undefined;
      return ((last.done - first.done) * 1000) / (last.at - first.at);
    },
  };
}

/** `120/200 epochs  14.1/s  6.1 s left`, as far as it is known. */
export function progressText(meter: RateMeter): string {
  const progress = meter.latest;
  if (progress === undefined) return "";
  const { done, total, unit } = progress;
  const bytes = unit === "bytes";
  const number = (value: number): string => (bytes ? formatBytes(value) : formatCount(value));
  const parts = [bytes ? `${number(done)}/${number(total)}` : `${number(done)}/${number(total)} ${unit}`];
  const rate = meter.rate();
  if (rate !== undefined && rate > 0 && done < total) {
    // Of a batch, members a second tell nobody anything.
    if (unit !== MEMBERS) parts.push(`${number(rate)}/s`);
    parts.push(`${formatWholeSeconds(Math.ceil((total - done) / rate))} left`);
  }
  return parts.join("  ");
}

function formatCount(value: number): string {
  if (Number.isInteger(value)) return String(value);
  return value >= 100 ? value.toFixed(0) : value >= 1 ? value.toFixed(1) : value.toPrecision(2);
}
