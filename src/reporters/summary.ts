import type { Event } from "../engine/plan/event.ts";
import type { InstanceName } from "../engine/plan/plan.ts";
import { FIGURE, gather, totals } from "./gathered.ts";
import { code, prose, table } from "./markdown.ts";
import { stageOf } from "./reporter.ts";
import { formatSeconds } from "./text.ts";

/** Gathers a run's events and tells it in Markdown afterwards, for a job summary. */
export interface SummaryWriter {
  readonly emit: (event: Event) => void;
  markdown(): string;
}

const MOST_ROWS = 50;
const MOST_REASONS = 5;

export function createSummaryWriter(): SummaryWriter {
  const run = gather();
  const why = (instance: InstanceName): string => {
    const causes = run.why(instance);
    const shown = causes.slice(0, MOST_REASONS).map((cause) => code(cause));
    return [...shown, ...(causes.length > MOST_REASONS ? [`and ${causes.length - MOST_REASONS} more`] : [])].join(
      "<br>",
    );
  };
  return {
    emit: run.emit,
    markdown() {
      const { title, ran, restored, failed, warnings, summary } = run;
      const lines = [
        `## pipeline run: ${title}`,
        "",
        summary === undefined ? "It did not get to its end." : totals(summary),
      ];
      const figures = [...ran, ...restored].flatMap(({ instance, changed }) =>
        changed.filter((path) => FIGURE.test(path)).map((path) => [code(path), why(instance)]),
      );
      if (figures.length > 0)
        lines.push("", "### Figures that changed", "", ...table(["figure", "why"], figures, MOST_ROWS));
      if (failed.length > 0) {
        lines.push("", "### Failed", "");
        for (const { instance, failure } of failed.slice(0, MOST_ROWS)) {
          const { message, remedy } = failure;
          const after = remedy === undefined ? "" : ` — ${prose(remedy)}`;
          lines.push(`- ${code(instance)} ${prose(message.split("\n")[0]!)}${after}`);
        }
        if (failed.length > MOST_ROWS) lines.push(`- … and ${failed.length - MOST_ROWS} more`);
      }
      if (ran.length > 0) {
        const rows = ran.map(({ instance, seconds }) => [code(instance), formatSeconds(seconds), why(instance)]);
        lines.push("", "### Ran", "", ...table(["instance", "time", "why"], rows, MOST_ROWS));
      }
      if (restored.length > 0) {
        const counts = new Map<string, number>();
        for (const { instance } of restored) {
          counts.set(stageOf(instance), (counts.get(stageOf(instance)) ?? 0) + 1);
        }
        const list = [...counts].map(([stage, n]) => (n === 1 ? code(stage) : `${code(stage)} ×${n}`));
        lines.push("", "### Restored", "", list.join(", "));
      }
      if (warnings.length > 0) {
        lines.push("", "### Warnings", "", ...warnings.map((message) => `- ${prose(message)}`));
      }
      return `${lines.join("\n")}\n`;
    },
  };
}
