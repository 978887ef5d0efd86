import type { Reporter } from "./reporter.ts";

/** One JSON object a line, for programs; the last is the summary. */
export function createJsonReporter(write: (text: string) => void): Reporter {
  return {
    emit: (event) => write(`${JSON.stringify(event)}\n`),
    close: () => {},
  };
}
