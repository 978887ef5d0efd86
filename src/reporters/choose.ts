import { createJsonReporter } from "./json.ts";
import { createLiveReporter, type Terminal } from "./live.ts";
import { isDumb } from "./palette.ts";
import { createPlainReporter } from "./plain.ts";
import type { Reporter } from "./reporter.ts";

export interface Choice {
  /** `--json` */
  readonly json: boolean;
  readonly isTerminal: boolean;
  /** The terminal's kind. */
  readonly TERM: string | undefined;
}

/** The reporter for a run: JSON where it is asked for, a live view on terminals that can show one, else plain lines. */
export function chooseReporter({ json, isTerminal, TERM }: Choice, terminal: Terminal): Reporter {
  if (json) return createJsonReporter(terminal.write);
  return isTerminal && !isDumb(TERM) ? createLiveReporter(terminal) : createPlainReporter(terminal);
}
