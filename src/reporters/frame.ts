import { flushText } from "./lines.ts";
import { shortNames } from "./names.ts";
import type { Palette } from "./palette.ts";
import { progressText } from "./rate.ts";
import type { Running, RunningProcess } from "./running.ts";
import type { Tally } from "./tally.ts";
import { clip, formatWholeSeconds, pad, widthOf } from "./text.ts";

/** How long the rest of the run was to take at some time, in milliseconds on the reporter's clock. */
export interface Remaining {
  readonly seconds: number;
  readonly at: number;
  /** Instances that may run and are not in it. */
  readonly unknown: number;
}

/** What one frame of the live view shows. */
export interface View {
  readonly running: Running;
  readonly tally: Tally;
  readonly ticks: number;
  readonly now: number;
  readonly begun: number;
  readonly interrupted: boolean;
  readonly remaining?: Remaining | undefined;
  /** What is still to be sent to the remote cache when all else is done. */
  readonly unsent?: { readonly results: number; readonly bytes: number } | undefined;
}

export interface Size {
  columns(): number;
  rows(): number;
  readonly palette: Palette;
}

const SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏";
/** So many running processes are listed at most; a machine with more cores shows the rest as a number. */
const MAX_LISTED = 12;

/** The lines of one frame: what runs, then the totals. None is wider than the terminal, and they fit its height. */
export function frameOf(view: View, size: Size): string[] {
  const { palette } = size;
  // The last column stays free: some terminals wrap a line that fills it.
  const columns = Math.max(20, size.columns() - 1);
  const room = Math.max(1, Math.min(MAX_LISTED, size.rows() - 4));
  const processes = view.running.processes();
  const listed = processes.length <= room ? processes : processes.slice(0, room - 1);
  const longest = Math.max(0, ...listed.map(({ name }) => widthOf(name)));
  const nameWidth = Math.min(longest, Math.max(12, Math.floor(columns * 0.36)));
  const spinner = palette.cyan([...SPINNER][view.ticks % SPINNER.length]!);
  const names = shortNames(
    listed.map(({ name }) => name),
    nameWidth,
  );
  const lines = listed.map((process, i) => {
    const name = pad(names[i]!, nameWidth);
    return `${spinner} ${runningLine(process, name, view.now, columns - 2 - nameWidth, palette)}`;
  });
  const hidden = processes.length - listed.length;
  if (hidden > 0) lines.push(palette.dim(`  … and ${hidden} more running`));
  if (view.unsent !== undefined) {
    const text = view.interrupted ? flushText(view.unsent) : `${flushText(view.unsent)} · Ctrl-C leaves them here`;
    lines.push(`${spinner} ${clip(text, columns - 2)}`);
  }
  lines.push(totalsLine(view, columns, palette));
  return lines;
}

function runningLine(process: RunningProcess, name: string, now: number, columns: number, palette: Palette): string {
  const { latest } = process.meter;
  const elapsed = formatWholeSeconds((now - process.since) / 1000);
  let room = columns - 2;
  if (room < 8) return name;
  if (latest === undefined) {
    const { note } = process;
    return `${name}  ${palette.dim(clip(note === undefined ? elapsed : `${elapsed}  ${note}`, room))}`;
  }
  const text = clip(progressText(process.meter), room);
  room -= widthOf(text) + 2;
  const barWidth = Math.min(30, room);
  const withBar = barWidth >= 8 ? `${bar(latest.done, latest.total, barWidth, palette)}  ` : "";
  room -= withBar === "" ? 0 : barWidth + 2;
  const message = latest.message !== undefined && room >= 6 ? `  ${palette.dim(clip(latest.message, room))}` : "";
  return `${name}  ${withBar}${text}${message}`;
}

/** `━━━━━━╸─────`, to half a column. */
export function bar(done: number, total: number, width: number, palette: Palette): string {
  const share = total > 0 ? Math.min(1, Math.max(0, done / total)) : 0;
  const halves = Math.round(share * width * 2);
  const full = Math.floor(halves / 2);
  const half = halves % 2 === 1 ? "╸" : "";
  return palette.cyan("━".repeat(full) + half) + palette.dim("─".repeat(width - full - half.length));
}

function totalsLine(view: View, columns: number, palette: Palette): string {
  const { tally, running, now, begun, interrupted } = view;
  const failed = tally.count("failed");
  const part = (text: string, weight: number): { readonly text: string; readonly weight: number } => ({ text, weight });
  const left = remainingText(view);
  let parts = [
    part(`${tally.settled}/${tally.total}`, 9),
    ...(interrupted ? [part("stopping", 8)] : []),
    ...(failed > 0 ? [part(`${failed} failed`, 7)] : []),
    ...(["ran", "restored", "fresh"] as const).flatMap((ending, index) =>
      tally.count(ending) > 0 ? [part(`${tally.count(ending)} ${ending}`, 4 - index)] : [],
    ),
    part(`${running.instances} running`, 1),
    part(formatWholeSeconds((now - begun) / 1000), 5),
    ...(left === undefined ? [] : [part(left, 6)]),
  ];
  const join = (): string => parts.map(({ text }) => text).join(" · ");
  // What matters least goes first: a clipped line would lose its end, which says how long it takes.
  while (widthOf(join()) > columns && parts.length > 1) {
    const least = Math.min(...parts.map(({ weight }) => weight));
    parts = parts.filter(({ weight }) => weight !== least);
  }
  const text = clip(join(), columns);
  const painted = failed > 0 ? text.replace(`${failed} failed`, palette.red(`${failed} failed`)) : text;
  const barWidth = Math.min(30, columns - widthOf(text) - 2);
  return barWidth < 8 ? painted : `${bar(tally.settled, tally.total, barWidth, palette)}  ${painted}`;
}

/** `about 3 min 20 s left`; `over 20 s left` where some of it was never timed; nothing once the time is up. */
function remainingText({ remaining, now, interrupted }: View): string | undefined {
  if (remaining === undefined || interrupted) return undefined;
  const seconds = remaining.seconds - (now - remaining.at) / 1000;
  if (seconds < 0.95) return undefined;
  return `${remaining.unknown === 0 ? "about" : "over"} ${formatWholeSeconds(seconds)} left`;
}
