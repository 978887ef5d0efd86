import { statSync } from "node:fs";
import { resolve } from "node:path";
import { findCommand, parseArguments } from "./commands/arguments.ts";
import { type Command, type Context, usageError } from "./commands/command.ts";
import { flushAll, refused, streamOf, written } from "./commands/streams.ts";
import { COMMANDS } from "./commands/table.ts";
import { suggest } from "./engine/system/suggest.ts";

const undo: (() => void)[] = [];

async function main(argv: readonly string[]): Promise<number> {
  const { name, rest } = findCommand(asHelp(argv));
  const load = name === undefined ? undefined : Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  const command = (await load?.())?.command;
  const table = command ?? { name: "", options: { version: VERSION }, arity: [0, Number.POSITIVE_INFINITY] as const };
  const parsed = parseArguments(rest, table);
  const args = "args" in parsed ? parsed.args : undefined;
  const colour = args?.flag("no-color") ? false : args?.flag("color") ? true : undefined;
  const controller = new AbortController();
  const context: Context = {
    folder: folderOf(args?.text("cwd") ?? "."),
    environment: process.env,
    signal: controller.signal,
    out: streamOf(process.stdout, colour),
    err: streamOf(process.stderr, colour),
    onExit: (action) => undo.push(action),
  };

  if (name !== undefined && command === undefined) {
    return usageError(context, `there is no command \`${name}\``, suggest(name, Object.keys(COMMANDS), "commands"));
  }
  if ("problem" in parsed) return usageError(context, parsed.problem.message, parsed.problem.remedy);
  if (parsed.args.flag("help") || command === undefined) return help(context, command, parsed.args.flag("version"));
  try {
    if (!statSync(context.folder, { throwIfNoEntry: false })?.isDirectory()) {
      return usageError(context, `there is no folder \`${context.folder}\``, "name one that exists with --cwd DIR");
    }
    if (command.interruptible === true) heedSignals(controller);
    return await command.run(context, parsed.args);
  } catch (error) {
    // Any command may be refused a file: a workspace that root or a container made, a broken disk.
    const code = (await import("./commands/refusal.ts")).tellRefusal(context, command.name, error);
    if (code === undefined) throw error;
    return code;
  }
}

/** Where the current folder has been removed, the shell still has a name for it, which can be told. */
function folderOf(path: string): string {
  try {
    return resolve(path);
  } catch {
    return resolve(process.env.PWD || "/", path);
  }
}

/** `pipeline help run` is `pipeline run --help`. */
function asHelp(argv: readonly string[]): readonly string[] {
  return argv[0] === "help" ? [...argv.slice(1), "--help"] : argv;
}

const VERSION = { type: "boolean", description: "show the version" } as const;

async function help({ out }: Context, command: Command | undefined, version: boolean): Promise<0> {
  if (version) {
    const [{ readFileSync }, { packageRoot }] = await Promise.all([
      import("node:fs"),
      import("./engine/system/build.ts"),
    ]);
    out.write(
      `${(JSON.parse(readFileSync(resolve(packageRoot, "package.json"), "utf8")) as { version: string }).version}\n`,
    );
    return 0;
  }
  const { commandHelp, generalHelp } = await import("./commands/help.ts");
  if (command !== undefined) {
    out.write(commandHelp(command, out.palette));
    return 0;
  }
  const commands = await Promise.all(Object.values(COMMANDS).map((load) => load()));
  out.write(
    generalHelp(
      commands.map((loaded) => loaded.command),
      out.palette,
    ),
  );
  return 0;
}

/** The first signal asks for an orderly stop; the second ends the process, and its exit handlers end the children. */
function heedSignals(controller: AbortController): void {
  interrupt = (why) => {
    if (!controller.signal.aborted) controller.abort(new DOMException(why, "AbortError"));
  };
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(name, () => {
      if (controller.signal.aborted) exit(130);
      // Whoever can go on without us asks whether it was a lost terminal.
      controller.abort(new DOMException(name, "AbortError"));
    });
  }
}

/** Before a process ends. */
function leave(): void {
  for (const action of undo.splice(0)) action();
  flushAll();
}

function exit(code: number): never {
  leave();
  process.exit(code);
}

/** Ends work that is going on, as a first signal does; none where the command only tells something. */
let interrupt: ((why: string) => void) | undefined;
/** The exit code once the output could not be written. */
let unheard: number | undefined;

for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (unheard !== undefined) return;
    const { code, isSeen } = refused(error, stream);
    unheard = code;
    // `pipeline run | tee log` whose tee has died: as a lost terminal, not a success.
    if (interrupt !== undefined) interrupt("SIGHUP");
    // `pipeline graph | head`: whoever read has seen enough.
    else exit(isSeen ? 0 : 2);
  });
}
process.on("exit", leave);

async function start(): Promise<never> {
  try {
    const code = await main(process.argv.slice(2));
    // What a pipe has not taken yet is written before the end.
    flushAll();
    await Promise.all([process.stdout, process.stderr].map(written));
    exit(unheard ?? code);
  } catch (error) {
    const { traceOf } = await import("./commands/crash.ts");
    leave();
    process.stderr.write(`pipeline has a bug, please report it:\n${traceOf(error)}\n`);
    exit(70);
  }
}

void start();
