import type { Event, Reason, RemoteTally, Summary } from "../engine/plan/event.ts";
import type { Palette } from "./palette.ts";
import type { Screen } from "./reporter.ts";
import type { StageTally } from "./tally.ts";
import { clip, counted, formatBytes, formatExpected, formatSeconds, pad, widthOf, wrap } from "./text.ts";

type EventOf<Type extends Event["type"]> = Extract<Event, { readonly type: Type }>;

/** The first line of a run: `quick · 148 instances · onnx:cpu`. */
export function planLine({ profile, instances, platform }: EventOf<"plan">, palette: Palette): string {
  const parts = [palette.bold(profile), counted(instances, "instance")];
  if (platform !== "") parts.push(platform);
  return parts.join(palette.dim(" · "));
}

/** `about 4 min by recorded times, without 3 never timed`: how long the rest takes. */
export function estimateText({ seconds, unknown }: Pick<EventOf<"estimate">, "seconds" | "unknown">): string {
  return `${formatExpected(seconds)} by recorded times${unknown === 0 ? "" : `, without ${unknown} never timed`}`;
}

/** One line for a stage that has ended: `✓ train  3 ran, 44 fresh  12.4 s`. */
export function stageLine(tally: StageTally, palette: Palette, nameWidth = 24): string {
  const { stage, total, failed, skipped, restored, ran, seconds, instance } = tally;
  const mark =
    failed > 0
      ? palette.red("✗")
      : skipped > 0
        ? palette.yellow("–")
        : ran > 0
          ? palette.green("✓")
          : restored > 0
            ? palette.blue("↺")
            : palette.green("✓");
  const name = pad(total === 1 ? instance : stage, nameWidth);
  const what = total === 1 && ran === 1 ? "" : endings(tally, total > 1);
  const time = seconds > 0 && (ran > 0 || failed > 0) ? formatSeconds(seconds) : "";
  return `${mark} ${name}${[what, palette.dim(time)].filter((text) => text !== "").join("  ")}`.trimEnd();
}

/** `– not run: plot, table, report and 12 more`: stages that hang on a failure, in one line. */
export function skippedLine(stages: readonly string[], palette: Palette, columns: number): string {
  let shown = stages.length;
  const text = (): string => {
    const rest = stages.length - shown;
    return `not run: ${stages.slice(0, shown).join(", ")}${rest === 0 ? "" : ` and ${rest} more`}`;
  };
  while (shown > 1 && widthOf(text()) + 2 > columns) shown--;
  return `${palette.yellow("–")} ${clip(text(), columns - 2)}`;
}

/** `3 ran, 44 fresh`; for a single instance just `restored`. */
function endings(tally: StageTally, numbers: boolean): string {
  const words = (["ran", "restored", "fresh", "failed", "skipped"] as const)
    .filter((ending) => tally[ending] > 0)
    .map((ending) => (numbers ? `${tally[ending]} ${ending}` : ending));
  return words.join(", ");
}

/** So many failures of one stage are told in full; more of them tell nothing new. */
const FULL_FAILURES = 5;

/** A failed instance: what happened, the last lines of its output, what to do, how to run it alone. */
export function failureBlock(
  event: EventOf<"failed">,
  { palette, rerun }: Screen,
  nth: number,
  columns = Number.POSITIVE_INFINITY,
): string {
  const { instance, failure, seconds } = event;
  const what = `${palette.red(failure.reason.replaceAll("-", " "))} ${palette.dim(`after ${formatSeconds(seconds)}`)}`;
  const head = `${palette.red("✗")} ${palette.bold(instance)}  ${what}`;
  if (nth > FULL_FAILURES) return head;
  const lines = [head];
  for (const line of failure.message.split("\n")) lines.push(...wrap(line, columns - 5).map((part) => `    ${part}`));
  // A stack trace begins with the message that stands above it already.
  const output = failure.output[0] === failure.message ? failure.output.slice(1) : failure.output;
  for (const line of output) lines.push(palette.dim(`    │ ${clip(line, Math.max(20, Math.min(columns, 120) - 6))}`));
  if (failure.remedy !== undefined)
    lines.push(...wrap(failure.remedy, columns - 5).map((part) => `    ${palette.green(part)}`));
  lines.push(`    ${palette.dim("run it alone:")} ${rerun(instance)}`);
  return lines.join("\n");
}

/** `↻ fetch  command failed: the command ended with exit code 75; attempt 2 of 4 in 2.0 s` */
export function retryLine(event: EventOf<"retrying">, palette: Palette): string {
  const { instance, failure, attempt, attempts, seconds } = event;
  const what = `${failure.reason.replaceAll("-", " ")}: ${failure.message}`;
  const when = palette.dim(`attempt ${attempt} of ${attempts} in ${formatSeconds(seconds)}`);
  return `${palette.yellow("↻")} ${pad(instance, 24)}${what}  ${when}`;
}

/** `↻ train@eta=0.1  job 12_3 was put back and starts again` */
export function jobLine({ instance, job, state }: EventOf<"job">, palette: Palette): string {
  const what =
    state === "requeued" ? `job ${job} was put back and starts again` : `job ${job} of an earlier run is there still`;
  return `${palette.yellow("↻")} ${pad(instance, 24)}${what}`;
}

/** Where the job of a process is, for the live view. */
export function jobNote({ job, state, node }: EventOf<"job">): string {
  return state === "running" ? `job ${job}${node === undefined ? "" : ` on ${node}`}` : `job ${job} is queued`;
}

/** The last line of a run. */
export function summaryLine(summary: Summary, interrupted: boolean, palette: Palette): string {
  const { ran, restored, fresh, failed, skipped, seconds } = summary;
  const time = palette.dim(formatSeconds(seconds));
  const remote = summary.remote === undefined ? "" : remoteText(summary.remote);
  const afar = remote === "" ? "" : `${palette.dim(" · ")}${remote}`;
  const all = ran + restored + fresh + failed + skipped;
  if (fresh === all && !interrupted) {
    return `${palette.green("everything is fresh")} ${palette.dim("·")} ${counted(all, "instance")} ${palette.dim("·")} ${time}${afar}`;
  }
  const parts: string[] = [];
  if (interrupted) parts.push(palette.yellow("interrupted"));
  if (failed > 0) parts.push(palette.red(`${failed} failed`));
  if (skipped > 0) parts.push(palette.yellow(`${skipped} not run`));
  if (ran > 0) parts.push(palette.green(`${ran} ran`));
  if (restored > 0) parts.push(palette.blue(`${restored} restored`));
  if (fresh > 0) parts.push(`${fresh} fresh`);
  return [...parts, time, ...(remote === "" ? [] : [remote])].join(palette.dim(" · "));
}

/** `remote cache: 12 results found, 3.4 MB fetched, 2 results sent (1.2 MB)`; nothing where it had nothing to do. */
export function remoteText({ hits, blobsFetched, bytesFetched, resultsSent, bytesSent }: RemoteTally): string {
  const parts: string[] = [];
  if (hits > 0) parts.push(`${counted(hits, "result")} found`);
  if (blobsFetched > 0) parts.push(`${formatBytes(bytesFetched)} fetched`);
  if (resultsSent > 0) parts.push(`${counted(resultsSent, "result")} sent (${formatBytes(bytesSent)})`);
  return parts.length === 0 ? "" : `remote cache: ${parts.join(", ")}`;
}

/** `sending 12 results to the remote cache, 3.4 MB left`: all that is left of a run. */
export function flushText({ results, bytes }: Pick<EventOf<"remote-flush">, "results" | "bytes">): string {
  return `sending ${counted(results, "result")} to the remote cache, ${formatBytes(bytes)} left`;
}

/** `params.eta  0.01 → 0.02`, `src/numerics/lanczos.ts  changed`. */
export function reasonLine({ kind, subject, before, after }: Reason, palette: Palette): string {
  if (before !== undefined && before === after) return palette.dim(`${subject}  bytes unchanged`);
  const change =
    before !== undefined && after !== undefined
      ? `${short(before)} ${palette.dim("→")} ${short(after)}`
      : after !== undefined
        ? `${palette.dim("new:")} ${short(after)}`
        : before !== undefined
          ? `${palette.dim("gone:")} ${short(before)}`
          : "";
  const words = kind.replaceAll("-", " ");
  if (change !== "") return `${subject === "" ? words : subject}  ${change}`;
  if (kind === "never-run" || subject === "") return words;
  return `${subject}  ${palette.dim(words.includes(" ") ? words : "changed")}`;
}

/** Digests are told apart by their first twelve digits. */
function short(value: string): string {
  return /^(sha256:)?[0-9a-f]{64}$/.test(value) ? value.replace("sha256:", "").slice(0, 12) : clip(value, 60);
}
