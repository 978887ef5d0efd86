import { mkdirSync, statSync } from "node:fs";
import { basename, dirname, relative, resolve } from "node:path";
import { PIPELINE_FILE } from "../engine/config/load.ts";
import { LOCK_FILE } from "../engine/run/pipeline-lock.ts";
import { explainIo } from "../engine/system/io-error.ts";
import { followed, replaceFile } from "../engine/system/replace-file.ts";
import { formatBytes } from "../reporters/text.ts";
import { type Context, usageError } from "./command.ts";

/** A file or folder that a command was asked to write. */
export interface Output {
  /** As the command line has it. */
  readonly path: string;
  /** `the report`, for sentences. */
  readonly what: string;
  /** The option that names it: `--out`. */
  readonly option: string;
}

/** Writes a file, with the folders it is in; where that is not possible, says why, and the result is the exit code. */
export function writeOutput(context: Context, output: Output, data: string | Uint8Array): undefined | 2 {
  const file = resolve(context.folder, output.path);
  return attempt(context, output, () => {
    const name = basename(followed(file));
    if ([PIPELINE_FILE, LOCK_FILE].includes(name.toLowerCase())) {
      const message = `${output.what} cannot be written to ${output.path}: that would overwrite a ${name}`;
      return usageError(context, message, `name another file with ${output.option}`);
    }
    mkdirSync(dirname(file), { recursive: true });
    replaceFile(file, data);
    return undefined;
  });
}

/** Makes a folder, which may stay empty. */
export function makeOutputFolder(context: Context, output: Output): undefined | 2 {
  return attempt(context, output, () => {
    mkdirSync(resolve(context.folder, output.path), { recursive: true });
    return undefined;
  });
}

function attempt(context: Context, { what, option }: Output, act: () => undefined | 2): undefined | 2 {
  try {
    return act();
  } catch (error) {
    const problem = explainIo(error, `writing ${what}`);
    // Whatever the file system did not refuse is a bug.
    if (problem === undefined) throw error;
    const remedy = problem.reason === "disk-full" ? problem.remedy : `name another place with ${option}`;
    return usageError(context, `${what} could not be written: ${(error as Error).message}`, remedy);
  }
}

/** Tells what was written. Who reads a pipe has it already, and there it might be a part of it: `--out /dev/stdout`. */
export function tellOutput({ folder, out }: Context, path: string, data: string): void {
  const file = resolve(folder, path);
  if (statSync(file, { throwIfNoEntry: false })?.isFile() !== true) return;
  out.write(`${relative(folder, file)}  ${out.palette.dim(formatBytes(Buffer.byteLength(data)))}\n`);
}
