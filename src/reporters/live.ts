import { frameOf, type Remaining, type View } from "./frame.ts";
import { failureBlock, jobLine, planLine, retryLine, skippedLine, stageLine, summaryLine } from "./lines.ts";
import type { Reporter, Screen } from "./reporter.ts";
import { trackRunning } from "./running.ts";
import { createTally, type StageTally } from "./tally.ts";
import { widthOf } from "./text.ts";

const HIDE_CURSOR = "\u001b[?25l";
const SHOW_CURSOR = "\u001b[?25h";
// A terminal that knows these shows each frame at once, and others ignore them.
const BEGIN_FRAME = "\u001b[?2026h";
const END_FRAME = "\u001b[?2026l";
const ERASE_TO_END_OF_LINE = "\u001b[K";
const ERASE_BELOW = "\u001b[0J";

/** Milliseconds between frames. */
const INTERVAL = 100;

export interface Terminal extends Screen {
  columns(): number;
  rows(): number;
}

/** Milliseconds, and a timer that does not keep the process alive; tests bring their own. */
export interface Clock {
  now(): number;
  every(milliseconds: number, tick: () => void): () => void;
}

export const realClock: Clock = {
  now: () => performance.now(),
  every(milliseconds, tick) {
    const timer = setInterval(tick, milliseconds).unref();
    return () => clearInterval(timer);
  },
};

/**
 * The live view of a terminal: finished stages scroll by, one line each; below them the running instances with bar,
 * rate and remaining time, redrawn ten times a second, and one line with the totals.
 */
export function createLiveReporter(terminal: Terminal, clock: Clock = realClock): Reporter {
  const { palette } = terminal;
  const tally = createTally();
  const running = trackRunning();
  const skipped: string[] = [];
  const finished: string[] = [];
  const begun = clock.now();
  let drawn: readonly string[] = [];
  let stopClock: (() => void) | undefined;
  let ticks = 0;
  let interrupted = false;
  let remaining: Remaining | undefined;
  let unsent: View["unsent"];

  const draw = (frame: readonly string[]): void => {
    // After a resize the last frame may be folded over more rows than it had lines.
    const columns = terminal.columns();
    const height = drawn.reduce((sum, line) => sum + Math.max(1, Math.ceil(widthOf(line) / columns)), 0);
    const up = height > 0 ? `\u001b[${height}A\r` : "";
    const lines = [...finished.splice(0).flatMap((text) => text.split("\n")), ...frame].map(
      (line) => `${line}${ERASE_TO_END_OF_LINE}\n`,
    );
    if (up === "" && lines.length === 0) return;
    terminal.write(`${BEGIN_FRAME}${up}${lines.join("")}${ERASE_BELOW}${END_FRAME}`);
    drawn = frame;
  };
  const tick = (): void => {
    ticks++;
    draw(frameOf({ running, tally, ticks, now: clock.now(), begun, interrupted, remaining, unsent }, terminal));
  };
  const start = (): void => {
    if (stopClock !== undefined) return;
    terminal.write(HIDE_CURSOR);
    stopClock = clock.every(INTERVAL, tick);
  };
  const close = (): void => {
    if (stopClock === undefined) {
      if (finished.length > 0) draw([]);
      return;
    }
    stopClock();
    stopClock = undefined;
    draw([]);
    terminal.write(SHOW_CURSOR);
  };
  const finish = (stage: StageTally): void => {
    // A failure has its own block already, and what is fresh is counted in the last line.
    if (stage.ran + stage.restored + stage.skipped === 0) return;
    // After a failure in a large graph there are more of these than of all others.
    if (stage.ran + stage.restored + stage.failed === 0) skipped.push(stage.stage);
    else if (stage.ran + stage.restored > 0 || !interrupted) finished.push(stageLine(stage, palette));
  };

  return {
    close,
    emit(event) {
      const complete = tally.settle(event, clock.now());
      running.settle(event, clock.now());
      switch (event.type) {
        case "plan":
          finished.push(planLine(event, palette));
          draw([]);
          break;
        case "estimate":
          remaining = { seconds: event.seconds, at: clock.now(), unknown: event.unknown };
          break;
        case "remote-flush":
          unsent = event.results === 0 ? undefined : event;
          start();
          break;
        case "started":
          start();
          break;
        case "failed":
          finished.push(failureBlock(event, terminal, tally.failuresBeside(event.instance), terminal.columns()));
          break;
        case "retrying":
          finished.push(retryLine(event, palette));
          break;
        case "job":
          if (event.state === "requeued") finished.push(jobLine(event, palette));
          break;
        case "skipped":
          if (event.because === "interrupted") interrupted = true;
          break;
        case "progress":
        case "ran":
        case "restored":
        case "fresh":
          break;
        case "warning":
          finished.push(`${palette.yellow("warning")}  ${event.message}`);
          break;
        case "output":
          break;
        case "summary":
          if (complete !== undefined) finish(complete);
          for (const stage of tally.incomplete()) finish(stage);
          if (skipped.length > 0 && !interrupted) finished.push(skippedLine(skipped, palette, terminal.columns() - 1));
          finished.push(summaryLine(event, interrupted, palette));
          close();
          return;
        default:
          event satisfies never;
      }
      if (complete !== undefined) finish(complete);
    },
  };
}
