import type { Palette } from "../reporters/palette.ts";
import { pad } from "../reporters/text.ts";
import { GLOBAL_OPTIONS } from "./arguments.ts";
import type { Command, OptionSpec } from "./command.ts";

/** What `pipeline --help` shows. */
export function generalHelp(
  commands: readonly { readonly name: string; readonly summary: string }[],
  palette: Palette,
): string {
  const width = Math.max(...commands.map(({ name }) => name.length)) + 3;
  return [
    `${palette.bold("pipeline")} COMMAND [options]`,
    "",
    "Runs what pipeline.yaml declares: after any change only what is stale runs again.",
    "",
    ...commands.map(({ name, summary }) => `  ${palette.cyan(pad(name, width))}${summary}`),
    "",
    ...optionLines(GLOBAL_OPTIONS, palette),
    "",
    palette.dim("pipeline COMMAND --help tells more of a command. Exit codes: 0 fine, 1 a stage failed,"),
    palette.dim("2 the configuration or the command line is wrong, 130 interrupted."),
    "",
  ].join("\n");
}

/** What `pipeline COMMAND --help` shows. */
export function commandHelp(command: Command, palette: Palette): string {
  const width = Math.max(...command.examples.map((example) => example.command.length)) + 3;
  return [
    `${palette.bold(`pipeline ${command.name}`)} ${command.usage}`,
    "",
    command.description,
    "",
    ...optionLines({ ...command.options, ...GLOBAL_OPTIONS }, palette),
    "",
    ...command.examples.map(
      (example) => `  ${palette.cyan(pad(example.command, width))}${palette.dim(example.meaning)}`,
    ),
    "",
  ].join("\n");
}

function optionLines(options: Readonly<Record<string, OptionSpec>>, palette: Palette): string[] {
  const rows = Object.entries(options).map(([name, { short, value, description }]) => {
    const long = `--${name}${value === undefined ? "" : ` ${value}`}`;
    return [short === undefined ? `    ${long}` : `-${short}, ${long}`, description] as const;
  });
  const width = Math.max(...rows.map(([left]) => left.length)) + 3;
  return rows.map(([left, right]) => `  ${palette.cyan(pad(left, width))}${right}`);
}
