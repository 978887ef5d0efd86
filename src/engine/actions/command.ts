import { existsSync } from "node:fs";
import { delimiter, join, relative, sep } from "node:path";
import { environmentOf } from "../plan/environment.ts";
import { watchChild } from "../system/child.ts";
import { type Action, type ActionEnd, type ActionHooks, explainEnd, explainTimeout, type Host } from "./action.ts";
import type { Program, Spawner } from "./spawner.ts";
import { traced, undeclaredReads } from "./trace.ts";
import { explainReads } from "./undeclared.ts";

/**
 * Runs a `cmd:` stage as zx would: in its shell, with its prefix and its quoting, in the workspace, with `${deps.x}` and
 * `${outs.x}` replaced by quoted paths (a fan-in by all of them). Programs of installed packages are on the PATH. Starting
 * and watching the process is the engine's own: docs/decisions/006.
 */
export async function runCommand(host: Host, spawner: Spawner, action: Action, hooks: ActionHooks): Promise<ActionEnd> {
  const { instance } = action;
  const { workspace } = host.plan;
  if (instance.action.type !== "cmd") throw new Error(`${instance.name} is no cmd: stage`);
  const { $, quote } = await import("zx/core");
  // Where it finds no bash zx leaves its prefix open.
  if (!$.shell || $.prefix === undefined) {
    const message = "cmd: stages need bash, and it is not on the PATH";
    return { type: "failed", failure: { reason: "no-shell", message, remedy: "install bash", output: [] } };
  }
  const env = environmentOf(host.environment, instance.env, action);
  const programs = join(workspace, "node_modules", ".bin");
  if (existsSync(programs)) env.PATH = env.PATH === undefined ? programs : `${programs}${delimiter}${env.PATH}`;
  const text = instance.action.command.replaceAll(
    /\$\{(deps|outs)\.([^}]+)\}/g,
    (whole, kind: string, name: string) => {
      if (kind === "deps") return action.deps[name]?.files.map(({ path }) => quote(path)).join(" ") ?? whole;
      const out = action.outs[name];
      return out === undefined ? whole : quote(relative(workspace, out).split(sep).join("/"));
    },
  );
  const args = ["-c", `${$.prefix}${text}${$.postfix}`];
  const plain: Program = { file: typeof $.shell === "string" ? $.shell : "bash", args, cwd: workspace, env };
  const traceFile = host.trace === true ? join(action.temporary, "trace") : undefined;
  const program = traceFile === undefined ? plain : traced(plain, traceFile);
  const end = await watchChild(spawner.start(program), { ...hooks, seconds: instance.timeout });
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
