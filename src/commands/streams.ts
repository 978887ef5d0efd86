import { createPalette, wantsColour } from "../reporters/palette.ts";
import type { Stream } from "./command.ts";

/** Of what is still to be written to a pipe or a file. */
const flushes: (() => void)[] = [];

/** An output of the process, as commands write to it. `colour`: where the command line says so. */
export function streamOf(stream: NodeJS.WriteStream, colour: boolean | undefined): Stream {
  const isTerminal = stream.isTTY === true;
  let pending = "";
  const flush = (): void => {
    const text = pending;
    pending = "";
    if (text !== "") stream.write(text);
  };
  flushes.push(flush);
  return {
    write(text) {
      // Both may lead to one place.
      for (const other of flushes) if (other !== flush) other();
      // A thousand lines at once need not be a thousand calls of the system.
      if (pending === "") setImmediate(flush);
      pending += text;
      if (isTerminal || pending.length > 1 << 14) flush();
    },
    palette: createPalette(wantsColour(colour, process.env, isTerminal)),
    isTerminal,
    columns: () => stream.columns ?? 120,
    rows: () => stream.rows ?? 24,
  };
}

/** Hands over what is still to be written. */
export function flushAll(): void {
  for (const flush of flushes) flush();
}

/** The exit code after an output could not be written: 130, as of a lost terminal, where whoever read it has gone (`isSeen`). */
export function refused(
  error: NodeJS.ErrnoException,
  stream: NodeJS.WriteStream,
): { readonly code: 130 | 2; readonly isSeen: boolean } {
  const isSeen = error.code === "EPIPE";
  if (!isSeen && stream !== process.stderr)
    process.stderr.write(`error  the output cannot be written: ${error.message}\n`);
  return { code: isSeen ? 130 : 2, isSeen };
}

/** Resolves when a stream has taken all that was written to it. */
export function written(stream: NodeJS.WriteStream): Promise<unknown> {
  return new Promise((done) => stream.write("", done));
}
