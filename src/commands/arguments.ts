import { parseArgs } from "node:util";
import { enumerate, nearest } from "../engine/system/suggest.ts";
import type { Arguments, Command, OptionSpec } from "./command.ts";

/** Options that every command takes, before or after its name. */
export const GLOBAL_OPTIONS = {
  cwd: { type: "string", short: "C", value: "DIR", description: "run as if started in DIR" },
  color: { type: "boolean", description: "colour even where the output is no terminal" },
  "no-color": { type: "boolean", description: "no colour (as NO_COLOR=1 does)" },
  help: { type: "boolean", short: "h", description: "show this help" },
} as const satisfies Record<string, OptionSpec>;

export interface UsageProblem {
  readonly message: string;
  readonly remedy: string;
}

export type Parsed = { readonly args: Arguments } | { readonly problem: UsageProblem };

/** Splits argv at the command's name: global options may stand on both sides of it. */
export function findCommand(argv: readonly string[]): {
  readonly name: string | undefined;
  readonly rest: readonly string[];
} {
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i]!;
    if (word === "-C" || word === "--cwd") i++;
    else if (!word.startsWith("-")) return { name: word, rest: [...argv.slice(0, i), ...argv.slice(i + 1)] };
  }
  return { name: undefined, rest: argv };
}

/** Reads argv by a command's table, without its name. */
export function parseArguments(argv: readonly string[], command: Pick<Command, "name" | "options" | "arity">): Parsed {
  const options: Readonly<Record<string, OptionSpec>> = { ...command.options, ...GLOBAL_OPTIONS };
  const { values, positionals, tokens } = parseArgs({
    args: [...argv],
    options: Object.fromEntries(
      Object.entries(options).map(([name, { type, short, multiple = false }]) => [
        name,
        short === undefined ? { type, multiple } : { type, multiple, short },
      ]),
    ),
    allowPositionals: true,
    strict: false,
    tokens: true,
  });
  for (const token of tokens) {
    if (token.kind !== "option") continue;
    const problem = problemOf(token, options, command.name);
    if (problem !== undefined) return { problem };
  }
  const [least, most] = command.arity;
  if (values.help !== true && (positionals.length < least || positionals.length > most)) {
    const missing = `\`pipeline ${command.name}\` needs ${least === 1 ? "an argument" : `${least} arguments`}`;
    const message = positionals.length < least ? missing : `\`${positionals[most]}\` is one too many`;
    return { problem: { message, remedy: `see pipeline ${command.name} --help` } };
  }
  return {
    args: {
      positionals,
      flag: (name) => values[name] === true,
      text: (name) =>
        [values[name]]
          .flat()
          .filter((value) => typeof value === "string")
          .at(-1),
      list: (name) => [values[name]].flat().filter((value) => typeof value === "string"),
    },
  };
}

interface OptionToken {
  readonly name: string;
  readonly rawName: string;
  readonly value: string | undefined;
  readonly inlineValue: boolean | undefined;
}

function problemOf(
  { name, rawName, value, inlineValue }: OptionToken,
  options: Readonly<Record<string, OptionSpec>>,
  command: string,
): UsageProblem | undefined {
  const option = options[name];
  if (option === undefined) {
    const near = nearest(name, Object.keys(options));
    const known = Object.keys(options).map((known) => `--${known}`);
    return {
      message: `\`${command === "" ? "pipeline" : `pipeline ${command}`}\` has no option \`${rawName}\``,
      remedy: near === undefined ? `its options are ${enumerate(known, 12)}` : `did you mean \`--${near}\`?`,
    };
  }
  if (option.type === "string" && (value === undefined || value === "")) {
    return { message: `\`${rawName}\` needs a value`, remedy: `write ${rawName} ${option.value ?? "VALUE"}` };
  }
  // `--set --jobs 2`: the next option would silently become the value.
  if (option.type === "string" && inlineValue === false && value?.startsWith("--")) {
    return { message: `\`${rawName}\` needs a value, and \`${value}\` follows it`, remedy: `write ${rawName}=VALUE` };
  }
  if (option.type === "boolean" && inlineValue === true) {
    return { message: `\`${rawName}\` takes no value`, remedy: `write ${rawName} alone` };
  }
  return undefined;
}
