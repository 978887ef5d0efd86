import type { Emit } from "../engine/plan/event.ts";
import type { InstanceName } from "../engine/plan/plan.ts";
import type { Palette } from "./palette.ts";

/** Shows the events of one run. It knows nothing else of it. */
export interface Reporter {
  readonly emit: Emit;
  /** Leaves the terminal as it was; safe to call twice, and from an exit handler. */
  close(): void;
}

/** Where a reporter writes, and how. */
export interface Screen {
  write(text: string): void;
  readonly palette: Palette;
  /** The exact command that runs one instance alone again. */
  rerun(instance: InstanceName): string;
}

/** `train` of `train@eta=0.1`. */
export function stageOf(instance: string): string {
  const at = instance.indexOf("@");
  return at === -1 ? instance : instance.slice(0, at);
}
