import type { Event, Failure, Reason, Summary } from "../engine/event.ts";
import type { InstanceName } from "../engine/plan.ts";
import { reasonLine, remoteText } from "./lines.ts";
import { createPalette } from "./palette.ts";
import { stageOf } from "./reporter.ts";
import { counted, formatSeconds } from "./text.ts";

/** Gathers a run's events and tells it in Markdown afterwards, for a job summary. */
export interface SummaryWriter {
  readonly emit: (event: Event) => void;
  markdown(): string;
}

interface Done {
  readonly instance: InstanceName;
  readonly seconds: number;
  readonly changed: readonly string[];
}

const FIGURE = /\.(svg|png|pdf|webp|jpe?g)$/i;
const MOST_ROWS = 50;
const MOST_REASONS = 5;

export function createSummaryWriter(): SummaryWriter {
  const plain = createPalette(false);
  const reasons = new Map<InstanceName, readonly Reason[]>();
  const ran: Done[] = [];
  const restored: Done[] = [];
  const failed: { readonly instance: InstanceName; readonly failure: Failure }[] = [];
  const warnings: string[] = [];
  let title = "";
  let summary: Summary | undefined;

  /** What did it: reasons of the instance itself, and instead of "a dep has other bytes" the reasons of what made the dep. */
  const causesOf = (instance: InstanceName, seen = new Set<string>()): string[] => {
    if (seen.has(instance)) return [];
    seen.add(instance);
    const causes = (reasons.get(instance) ?? []).flatMap((reason) => {
      const producer = reason.subject.slice(0, reason.subject.lastIndexOf(".")) as InstanceName;
      const upstream = reason.kind === "dep" ? causesOf(producer, seen) : [];
      return upstream.length > 0 || (reason.kind === "dep" && seen.has(producer) && reasons.has(producer))
        ? upstream
        : [reasonLine(reason, plain)];
    });
    return [...new Set(causes)];
  };
  const why = (instance: InstanceName): string => {
    const causes = causesOf(instance);
    const shown = causes.slice(0, MOST_REASONS).map(code);
    return [...shown, ...(causes.length > MOST_REASONS ? [`and ${causes.length - MOST_REASONS} more`] : [])].join(
      "<br>",
    );
  };

  return {
    emit(event) {
      switch (event.type) {
        case "plan":
          title = [event.profile, counted(event.instances, "instance"), event.platform].filter(Boolean).join(" · ");
          break;
        case "started":
          reasons.set(event.instance, event.reasons);
          break;
        case "restored":
          if (event.reasons !== undefined) reasons.set(event.instance, event.reasons);
          restored.push({ ...event, changed: event.changed ?? [] });
          break;
        case "ran":
          ran.push({ ...event, changed: event.changed ?? [] });
          break;
        case "failed":
          failed.push(event);
          break;
        case "warning":
          warnings.push(event.message);
          break;
        case "summary":
          summary = event;
          break;
        default:
      }
    },
    markdown() {
      const lines = [
        `## pipeline run: ${title}`,
        "",
        summary === undefined ? "It did not get to its end." : totals(summary),
      ];
      const figures = [...ran, ...restored].flatMap(({ instance, changed }) =>
        changed.filter((path) => FIGURE.test(path)).map((path) => [code(path), why(instance)]),
      );
      if (figures.length > 0) lines.push("", "### Figures that changed", "", ...table(["figure", "why"], figures));
      if (failed.length > 0) {
        lines.push("", "### Failed", "");
        for (const { instance, failure } of failed.slice(0, MOST_ROWS)) {
          const { message, remedy } = failure;
          lines.push(`- **${instance}** ${message.split("\n")[0]}${remedy === undefined ? "" : ` — ${remedy}`}`);
        }
      }
      if (ran.length > 0) {
        const rows = ran.map(({ instance, seconds }) => [code(instance), formatSeconds(seconds), why(instance)]);
        lines.push("", "### Ran", "", ...table(["instance", "time", "why"], rows));
      }
      if (restored.length > 0) {
        const counts = new Map<string, number>();
        for (const { instance } of restored) {
          counts.set(stageOf(instance), (counts.get(stageOf(instance)) ?? 0) + 1);
        }
        const list = [...counts].map(([stage, n]) => (n === 1 ? code(stage) : `${code(stage)} ×${n}`));
        lines.push("", "### Restored", "", list.join(", "));
      }
      if (warnings.length > 0) lines.push("", "### Warnings", "", ...warnings.map((message) => `- ${message}`));
      return `${lines.join("\n")}\n`;
    },
  };
}

function totals({ ran, restored, fresh, failed, skipped, seconds, remote }: Summary): string {
  const counts = Object.entries({ failed, "not run": skipped, ran, restored, fresh }).filter(([, n]) => n > 0);
  const afar = remote === undefined ? "" : remoteText(remote);
  const parts = [...counts.map(([word, n]) => `${n} ${word}`), formatSeconds(seconds)];
  return [...parts, ...(afar === "" ? [] : [afar])].join(" · ");
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const row = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  const shown = rows.slice(0, MOST_ROWS).map(row);
  const rest =
    rows.length > MOST_ROWS ? [row([`… and ${rows.length - MOST_ROWS} more`, ...head.slice(1).map(() => "")])] : [];
  return [row(head), row(head.map(() => "---")), ...shown, ...rest];
}

/** As code in a table's cell. */
function code(text: string): string {
  return `\`${text.replaceAll("`", "'").replaceAll("|", "\\|").replaceAll(/\s+/g, " ")}\``;
}
