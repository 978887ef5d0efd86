import { existsSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import type { Diagnostic } from "../engine/config/diagnostic.ts";
import { loadPlan, PIPELINE_FILE } from "../engine/config/load.ts";
import type { Sightings } from "../engine/files/sightings.ts";
import type { InstanceName, Plan } from "../engine/plan/plan.ts";
import { resolveTargets } from "../engine/plan/targets.ts";
import { formatDiagnostics } from "../reporters/diagnostics.ts";
import { type Arguments, type Context, type Stream, usageError } from "./command.ts";
import { DEVICE_VARIABLE, reachesDevice } from "./device.ts";

/** The workspace of a folder: itself or the nearest one above that has a pipeline.yaml; else the folder. */
export function findWorkspace(folder: string): string {
  for (let candidate = folder; ; candidate = dirname(candidate)) {
    if (existsSync(join(candidate, PIPELINE_FILE))) return candidate;
    if (candidate === dirname(candidate)) return folder;
  }
}

/** Loads the plan that the command line means. Where that fails, what is wrong has been written, and the result is the exit code. */
export async function openPlan(context: Context, args: Arguments): Promise<Plan | 2> {
  const loaded = await loadPlanOf(context, args);
  return loaded === 2 ? 2 : loaded.plan;
}

/** The same, with the warnings that have been written. */
export async function loadPlanOf(
  context: Context,
  args: Arguments,
  sightings?: Sightings,
): Promise<{ readonly plan: Plan; readonly warnings: readonly Diagnostic[] } | 2> {
  const profile = args.text("profile");
  const options = { set: args.list("set"), sightings, ...(profile === undefined ? {} : { profile }) };
  const loaded = await loadPlan(findWorkspace(context.folder), options);
  const { err } = context;
  if ("diagnostics" in loaded) {
    err.write(formatDiagnostics(loaded.diagnostics, err.palette, err.columns()));
    return 2;
  }
  if (!reachesDevice(context, args, loaded.plan)) return 2;
  writeWarnings(loaded.warnings, err);
  return loaded;
}

/** The instances that targets name, or the exit code once the mistake has been told. */
export function chooseTargets(context: Context, plan: Plan, targets: readonly string[]): readonly InstanceName[] | 2 {
  const folder = relative(plan.workspace, context.folder).split(sep).join("/");
  const chosen = resolveTargets(plan, targets, folder);
  if ("targets" in chosen) return chosen.targets;
  for (const { message, remedy } of chosen.unknown) usageError(context, message, remedy);
  return 2;
}

/** The environment that stages and platforms are given values from. */
export function environmentOf(context: Context, args: Arguments): Readonly<Record<string, string | undefined>> {
  const device = args.text("device");
  return device === undefined ? context.environment : { ...context.environment, [DEVICE_VARIABLE]: device };
}

/** A warning does not stop anything: one line is enough. */
export function writeWarnings(warnings: readonly Diagnostic[], err: Stream): void {
  for (const warning of warnings) err.write(`${warningLine(warning, err)}\n`);
}

function warningLine({ position, message, remedy }: Diagnostic, { palette }: Stream): string {
  const { file, line, column } = position;
  return `${palette.yellow("warning")}  ${palette.dim(`${file}:${line}:${column}`)}  ${message}: ${remedy}`;
}
