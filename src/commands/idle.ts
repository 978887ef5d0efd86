import { findIdleRun, type IdleRun } from "../engine/run/idle.ts";
import { buildId } from "../engine/system/build.ts";
import { chooseReporter } from "../reporters/choose.ts";
import { flushAll, refused, streamOf, written } from "./streams.ts";
import { findWorkspace, writeWarnings } from "./workspace.ts";

/**
 * Tells the last run again, where it found nothing to do and would find the same; says whether it was so. This is a
 * program of its own, which the launcher starts before the one that can run something: it loads next to nothing.
 */
export function repeatIdleRun(words: readonly string[]): boolean {
  const started = performance.now();
  const folder = process.cwd();
  const asked = { workspace: findWorkspace(folder), folder, words, build: buildId ?? "", node: process.version };
  const run = findIdleRun(asked, process.env);
  if (run === undefined) return false;
  void tell(run, started);
  return true;
}

async function tell({ warnings, colour, json, plan, fresh }: IdleRun, started: number): Promise<void> {
  const streams = [process.stdout, ...(warnings.length > 0 ? [process.stderr] : [])];
  for (const stream of streams) {
    stream.on("error", (error: NodeJS.ErrnoException) => process.exit(refused(error, stream).code));
  }
  if (warnings.length > 0) writeWarnings(warnings, streamOf(process.stderr, colour));
  const out = streamOf(process.stdout, colour);
  const { write, palette, isTerminal, columns, rows } = out;
  const reporter = chooseReporter(
    { json, isTerminal, TERM: process.env.TERM },
    { write, palette, columns, rows, rerun: (instance) => instance },
  );
  reporter.emit(plan);
  for (const [instance, key] of fresh) reporter.emit({ type: "fresh", instance, key });
  const counts = { ran: 0, restored: 0, fresh: fresh.length, failed: 0, skipped: 0 };
  const seconds = Math.round(performance.now() - started) / 1000;
  reporter.emit({ type: "summary", ...counts, seconds });
  reporter.close();
  flushAll();
  await Promise.all(streams.map(written));
  process.exit(0);
}
