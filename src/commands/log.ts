import { closeSync, fstatSync, openSync, readFileSync, readSync } from "node:fs";
import { join } from "node:path";
import { openHistory } from "../engine/cache/history.ts";
import { logPath, openStore } from "../engine/files/store.ts";
import type { InstanceName, Plan } from "../engine/plan/plan.ts";
import { type Command, type Context, type ExitCode, PLAN_OPTIONS } from "./command.ts";
import { warnUnreadable } from "./unreadable.ts";
import { chooseTargets, openPlan } from "./workspace.ts";

export const command: Command = {
  name: "log",
  summary: "show what a stage printed when it last ran",
  usage: "TARGET… [options]",
  description: "Shows the output of the last execution of each target; --follow goes on with what is being printed.",
  options: {
    follow: { type: "boolean", short: "f", description: "go on as it is written, until Ctrl-C" },
    ...PLAN_OPTIONS,
  },
  examples: [
    { command: "pipeline log 'train@eta=0.1'", meaning: "one instance" },
    { command: "pipeline log train --follow", meaning: "every instance of a stage, as it runs" },
  ],
  arity: [1, Number.POSITIVE_INFINITY],
  interruptible: true,
  async run(context, args) {
    const plan = await openPlan(context, args);
    if (plan === 2) return 2;
    const targets = chooseTargets(context, plan, args.positionals);
    if (targets === 2) return 2;
    return args.flag("follow") ? follow(context, plan, targets) : show(context, plan, targets);
  },
};

function show(context: Context, plan: Plan, targets: readonly InstanceName[]): ExitCode {
  const { out, err } = context;
  const { workspace } = plan;
  let shown = 0;
  for (const target of targets) {
    let text: string;
    try {
      text = readFileSync(join(workspace, logPath(target)), "utf8");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
      continue;
    }
    if (targets.length > 1) out.write(`${shown === 0 ? "" : "\n"}${out.palette.bold(target)}\n`);
    out.write(text);
    shown++;
  }
  if (shown > 0) return 0;
  // A log is there once something has been printed: silence is told apart from never having run.
  warnUnreadable(context, plan);
  const history = openHistory(openStore(workspace));
  const silent = targets.filter((target) => history.get(target) !== undefined);
  if (silent.length > 0) out.write(`${targets.length === 1 ? silent[0] : "each of these"} printed nothing\n`);
  else err.write(targets.length === 1 ? `${targets[0]} has not run here\n` : "none of these has run here\n");
  return 0;
}

/** How often logs are looked at, in milliseconds. */
const LOOK_EVERY = 100;

/** Prints what is added to logs; one that begins anew is read from its start. */
async function follow({ out, signal }: Context, { workspace }: Plan, targets: readonly InstanceName[]): Promise<130> {
  const logs = targets.map((target) => ({ target, file: join(workspace, logPath(target)), at: 0, rest: "" }));
  const look = (): void => {
    for (const log of logs) {
      const text = readFrom(log.file, log.at);
      if (text === undefined) continue;
      log.at = text.at;
      const lines = (log.rest + text.added).split("\n");
      log.rest = lines.pop()!;
      const prefix = logs.length > 1 ? `${out.palette.dim(log.target)}  ` : "";
      for (const line of lines) out.write(`${prefix}${line}\n`);
    }
  };
  look();
  await new Promise<void>((fulfil, reject) => {
    const timer = setInterval(() => {
      try {
        look();
      } catch (error) {
        clearInterval(timer);
        reject(error);
      }
    }, LOOK_EVERY);
    const stop = (): void => {
      clearInterval(timer);
      fulfil();
    };
    signal.addEventListener("abort", stop);
    if (signal.aborted) stop();
  });
  return 130;
}

function readFrom(path: string, from: number): { readonly added: string; readonly at: number } | undefined {
  let file: number;
  try {
    file = openSync(path, "r");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    return undefined;
  }
  try {
    const { size } = fstatSync(file);
    const start = size < from ? 0 : from;
    const bytes = Buffer.alloc(size - start);
    const count = readSync(file, bytes, 0, bytes.length, start);
    return { added: bytes.toString("utf8", 0, count), at: start + count };
  } finally {
    closeSync(file);
  }
}
