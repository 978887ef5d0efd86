import {
  estimateText,
  failureBlock,
  flushText,
  jobLine,
  planLine,
  retryLine,
  stageLine,
  summaryLine,
} from "./lines.ts";
import { progressText } from "./rate.ts";
import type { Reporter, Screen } from "./reporter.ts";
import { type RunningProcess, trackRunning } from "./running.ts";
import { createTally } from "./tally.ts";
import { formatExpected, formatSeconds, pad } from "./text.ts";

/** A long stage says where it is this often, in milliseconds. */
const PROGRESS_EVERY = 30_000;
/** And the whole run this often. */
const ESTIMATE_EVERY = 60_000;

/** Lines for logs and pipes: one for each instance that ran or failed, one for each restored stage, none for fresh ones. */
export function createPlainReporter(screen: Screen, now: () => number = Date.now): Reporter {
  const { palette } = screen;
  const tally = createTally();
  const running = trackRunning();
  const told = new WeakMap<RunningProcess, number>();
  let interrupted = false;
  // The first line waits for what is known of the time: that comes before anything else is told.
  let first: string | undefined;
  let estimated: number | undefined;
  let flushed: number | undefined;
  const flush = (): void => {
    if (first !== undefined) screen.write(`${first}\n`);
    first = undefined;
  };
  const line = (text: string): void => {
    flush();
    screen.write(`${text}\n`);
  };

  return {
    close: flush,
    emit(event) {
      const complete = tally.settle(event, now());
      const process = running.settle(event, now());
      switch (event.type) {
        case "plan":
          first = planLine(event, palette);
          break;
        case "estimate":
          if (first !== undefined) {
            const text = `${first}${palette.dim(" · ")}${estimateText(event)}`;
            first = undefined;
            line(text);
          } else if (now() - (estimated ?? Number.NEGATIVE_INFINITY) >= ESTIMATE_EVERY) {
            const { seconds, unknown } = event;
            const rest = unknown === 0 ? "" : `, and ${unknown} never timed`;
            line(`${palette.dim("…")} ${tally.settled}/${tally.total}, ${formatExpected(seconds)} left${rest}`);
          } else break;
          estimated = now();
          break;
        case "started":
          flush();
          break;
        case "progress":
          if (process === undefined || now() - (told.get(process) ?? process.since) < PROGRESS_EVERY) break;
          told.set(process, now());
          line(`${palette.dim("…")} ${pad(process.name, 24)}${progressText(process.meter)}`);
          break;
        case "ran":
          line(`${palette.green("✓")} ${pad(event.instance, 24)}${palette.dim(formatSeconds(event.seconds))}`);
          break;
        case "failed":
          line(failureBlock(event, screen, tally.failuresBeside(event.instance)));
          break;
        case "retrying":
          line(retryLine(event, palette));
          break;
        case "skipped":
          if (event.because === "interrupted") interrupted = true;
          break;
        case "warning":
          line(`${palette.yellow("warning")}  ${event.message}`);
          break;
        case "remote-flush":
          if (event.results === 0 || now() - (flushed ?? Number.NEGATIVE_INFINITY) < PROGRESS_EVERY) break;
          flushed = now();
          line(`${palette.dim("…")} ${flushText(event)}`);
          break;
        case "summary":
          line(summaryLine(event, interrupted, palette));
          break;
        case "job":
          if (event.state === "requeued" || event.state === "found") line(jobLine(event, palette));
          break;
        case "fresh":
        case "restored":
        case "output":
          break;
        default:
          event satisfies never;
      }
      if (complete !== undefined && complete.restored > 0 && complete.ran === 0) line(stageLine(complete, palette));
    },
  };
}
