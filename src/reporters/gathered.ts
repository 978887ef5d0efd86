import type { Event, Failure, Reason, Summary } from "../engine/plan/event.ts";
import type { InstanceName } from "../engine/plan/plan.ts";
import { rootCauses } from "../engine/run/root-causes.ts";
import { reasonLine, remoteText } from "./lines.ts";
import { createPalette } from "./palette.ts";
import { counted, formatSeconds } from "./text.ts";

/** What of a run's events is told afterwards. */
export interface Gathered {
  readonly emit: (event: Event) => void;
  /** `default · 4 instances · onnx:cpu` */
  readonly title: string;
  readonly ran: readonly Done[];
  readonly restored: readonly Done[];
  readonly failed: readonly Failed[];
  readonly warnings: readonly string[];
  /** How many results are in the remote cache alone: nothing that was asked for needed them here. */
  readonly afar: number;
  /** None where the run did not get to its end. */
  readonly summary: Summary | undefined;
  /** Why an instance ran or was restored, at the root: a line for each cause. */
  why(instance: InstanceName): readonly string[];
}

export interface Done {
  readonly instance: InstanceName;
  readonly seconds: number;
  readonly changed: readonly string[];
}

export interface Failed {
  readonly instance: InstanceName;
  readonly failure: Failure;
  readonly seconds: number;
}

/** Files of figures, by their names' end. */
export const FIGURE = /\.(svg|png|pdf|webp|jpe?g)$/i;

export function gather(): Gathered {
  const plain = createPalette(false);
  const reasons = new Map<string, readonly Reason[]>();
  const ran: Done[] = [];
  const restored: Done[] = [];
  const failed: Failed[] = [];
  const warnings: string[] = [];
  let title = "";
  let afar = 0;
  let summary: Summary | undefined;
  return {
    ran,
    restored,
    failed,
    warnings,
    get title() {
      return title;
    },
    get afar() {
      return afar;
    },
    get summary() {
      return summary;
    },
    why: (instance) => [
      ...new Set(rootCauses(instance, (name) => reasons.get(name)).map((cause) => reasonLine(cause, plain))),
    ],
    emit(event) {
      switch (event.type) {
        case "plan":
          title = [event.profile, counted(event.instances, "instance"), event.platform].filter(Boolean).join(" · ");
          break;
        case "fresh":
          if (event.remote === true) afar++;
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
  };
}

/** `1 failed · 3 ran · 101 restored · 3.1 s · remote cache: 101 results found` */
export function totals({ ran, restored, fresh, failed, skipped, seconds, remote }: Summary): string {
  const counts = Object.entries({ failed, "not run": skipped, ran, restored, fresh }).filter(([, n]) => n > 0);
  const afar = remote === undefined ? "" : remoteText(remote);
  const parts = [...counts.map(([word, n]) => `${n} ${word}`), formatSeconds(seconds)];
  return [...parts, ...(afar === "" ? [] : [afar])].join(" · ");
}
