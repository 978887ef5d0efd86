import { existsSync, readFileSync } from "node:fs";
import { SourceMap } from "node:module";
import { fileURLToPath } from "node:url";

/**
 * A bug's stack trace in terms of the sources. Node's own `--enable-source-maps` would read every map at every start;
 * here they are read when there is a trace to show.
 */
export function traceOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause === undefined ? "" : `\ncaused by ${traceOf(error.cause)}`;
  return `${(error.stack ?? String(error)).replaceAll(/((?:file:\/\/|\/|[A-Za-z]:\\)[^\s():]+):(\d+):(\d+)/g, resolve)}${cause}`;
}

function resolve(frame: string, place: string, line: string, column: string): string {
  try {
    const map = `${place.startsWith("file:") ? fileURLToPath(place) : place}.map`;
    if (!existsSync(map)) return frame;
    const entry = new SourceMap(JSON.parse(readFileSync(map, "utf8"))).findEntry(Number(line) - 1, Number(column) - 1);
    if (!("originalSource" in entry)) return frame;
    return `${entry.originalSource}:${entry.originalLine + 1}:${entry.originalColumn + 1}`;
  } catch {
    return frame;
  }
}
