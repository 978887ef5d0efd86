import { existsSync } from "node:fs";
import { delimiter, join, relative, sep } from "node:path";
import { type Action, type ActionEnd, type ActionHooks, explainEnd, explainTimeout, type Host } from "./action.ts";
import { watchChild } from "./child.ts";
import { environmentOf } from "./environment.ts";
import { tracedSpawn, undeclaredReads } from "./trace.ts";
import { explainReads } from "./undeclared.ts";

/**
 * Runs a `cmd:` stage: bash through zx, in the workspace, with `${deps.x}` and `${outs.x}` replaced by quoted paths (a
 * fan-in by all of them). Programs of installed packages are on the PATH.
 */
export async function runCommand(host: Host, action: Action, hooks: ActionHooks): Promise<ActionEnd> {
  const { instance } = action;
  const { workspace } = host.plan;
  if (instance.action.type !== "cmd") throw new Error(`${instance.name} is no cmd: stage`);
  const { $ } = await import("zx/core");
  if (!$.shell) {
    const message = "cmd: stages need bash, and it is not on the PATH";
    return { type: "failed", failure: { reason: "no-shell", message, remedy: "install bash", output: [] } };
  }
  const env = environmentOf(host.environment, instance.env, action);
  const programs = join(workspace, "node_modules", ".bin");
  if (existsSync(programs)) env.PATH = env.PATH === undefined ? programs : `${programs}${delimiter}${env.PATH}`;
  const [pieces, values] = cut(instance.action.command, (kind, name) => {
    if (kind === "deps") return action.deps[name]?.files.map(({ path }) => path);
    const out = action.outs[name];
    return out === undefined ? undefined : relative(workspace, out).split(sep).join("/");
  });
  const traceFile = host.trace === true ? join(action.temporary, "trace") : undefined;
  const running = $({
    ...(traceFile === undefined ? {} : { spawn: tracedSpawn(traceFile) }),
    cwd: workspace,
    env,
    stdio: ["ignore", "pipe", "pipe"],
    detached: process.platform !== "win32",
    nothrow: true,
    quiet: true,
    // Lines go to the log as they come: nothing is gathered in memory.
    store: { stdout: nowhere(), stderr: nowhere(), stdall: nowhere() },
  })(Object.assign(pieces, { raw: pieces }), ...values);
  const { child } = running;
  if (child === undefined) throw new Error("zx started no process");
  const [end] = await Promise.all([watchChild(child, { ...hooks, seconds: instance.timeout }), running]);
  if (end.interrupted) return { type: "interrupted" };
  const output = hooks.tail();
  if (end.timedOut) {
    const resumed = action.resume !== undefined;
    return { type: "failed", failure: explainTimeout(instance.name, instance.timeout!, resumed, output) };
  }
  if (end.code === 0) {
    const reads = traceFile === undefined ? [] : undeclaredReads(host, action, traceFile);
    if (reads.length === 0) return { type: "finished" };
    return { type: "failed", failure: explainReads(host.plan, instance, reads, output) };
  }
  const failure = explainEnd(instance.name, end, output) ?? {
    reason: "command-failed",
    message:
      end.code === 127 ? "the command was not found (exit code 127)" : `the command ended with exit code ${end.code}`,
    remedy: undefined,
    output,
    ...(end.code === null ? {} : { exitCode: end.code }),
  };
  return { type: "failed", failure };
}

const nowhere = (): string[] => Object.assign([], { push: () => 0 });

/** A command's text around its `${deps.x}` and `${outs.x}`, and the paths that go between, as zx's template wants them. */
function cut(
  command: string,
  pathFor: (kind: string, name: string) => string | readonly string[] | undefined,
): [pieces: string[], values: (string | readonly string[])[]] {
  const pieces: string[] = [];
  const values: (string | readonly string[])[] = [];
  let from = 0;
  for (const match of command.matchAll(/\$\{(deps|outs)\.([^}]+)\}/g)) {
    const value = pathFor(match[1]!, match[2]!);
    if (value === undefined) continue;
    pieces.push(command.slice(from, match.index));
    values.push(value);
    from = match.index + match[0].length;
  }
  pieces.push(command.slice(from));
  return [pieces, values];
}
