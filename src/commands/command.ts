import type { Palette } from "../reporters/palette.ts";

/** One option of a command. */
export interface OptionSpec {
  readonly type: "boolean" | "string";
  readonly short?: string;
  /** May be given several times. */
  readonly multiple?: boolean;
  /** What `--help` calls the value: `NAME`. */
  readonly value?: string;
  readonly description: string;
}

export interface Example {
  readonly command: string;
  readonly meaning: string;
}

/** What the command line says after the command's name. */
export interface Arguments {
  readonly positionals: readonly string[];
  flag(name: string): boolean;
  text(name: string): string | undefined;
  list(name: string): readonly string[];
}

/** The process around a command. Commands write through it and return an exit code; only src/cli.ts ends the process. */
export interface Context {
  /** Where the command runs: the current folder, or `--cwd`. Absolute. */
  readonly folder: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Aborted by the first Ctrl-C or SIGTERM, for commands that are `interruptible`. */
  readonly signal: AbortSignal;
  readonly out: Stream;
  readonly err: Stream;
  /** Runs when the process ends for whatever reason, for what must be undone (a hidden cursor). */
  onExit(undo: () => void): void;
}

export interface Stream {
  write(text: string): void;
  readonly palette: Palette;
  readonly isTerminal: boolean;
  columns(): number;
  rows(): number;
}

export interface Command {
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  /** After `pipeline NAME`: `[TARGET…] [options]`. */
  readonly usage: string;
  readonly description: string;
  readonly options: Readonly<Record<string, OptionSpec>>;
  readonly examples: readonly Example[];
  /** Whether it heeds `signal`; otherwise Ctrl-C ends the process at once. */
  readonly interruptible?: boolean;
  /** How many positionals it takes, at least and at most. */
  readonly arity: readonly [number, number];
  run(context: Context, args: Arguments): Promise<ExitCode>;
}

/** 0 fine, 1 a stage failed, 2 the configuration or the command line is wrong, 130 interrupted. */
export type ExitCode = 0 | 1 | 2 | 130;

/** The options that say which plan is meant. */
export const PLAN_OPTIONS = {
  profile: {
    type: "string",
    short: "p",
    value: "NAME",
    description: "the profile of params (default: pipeline.yaml's)",
  },
  set: {
    type: "string",
    multiple: true,
    value: "A.B=VALUE",
    description: "overlay one param; VALUE is YAML: 3, text, [0.1, 0.2]",
  },
} as const satisfies Record<string, OptionSpec>;

export const DEVICE_OPTION = {
  device: { type: "string", value: "NAME", description: "the device to compute on (sets PIPELINE_DEVICE)" },
} as const satisfies Record<string, OptionSpec>;

/** A mistake on the command line, and what to write instead. */
export function usageError(context: Context, message: string, remedy: string): 2 {
  const { palette } = context.err;
  context.err.write(`${palette.red("error")}  ${message}\n${palette.dim("     =")} ${palette.green(remedy)}\n`);
  return 2;
}
