import type { Diagnostic } from "../engine/config/diagnostic.ts";
import { openSightings, type Sightings } from "../engine/files/sightings.ts";
import type { Event } from "../engine/plan/event.ts";
import type { Plan } from "../engine/plan/plan.ts";
import { type IdleRun, keepIdleRun } from "../engine/run/idle.ts";
import { buildId } from "../engine/system/build.ts";
import type { Arguments, Context } from "./command.ts";
import { findWorkspace } from "./workspace.ts";

/** Looks at one run, and keeps it for the next start where it finds nothing to do (src/commands/idle.ts). */
export interface IdleWatch {
  readonly sightings: Sightings;
  observe(event: Event): void;
  /** After the run. `warnings`: of pipeline.yaml. */
  keep(plan: Plan, warnings: readonly Diagnostic[]): void;
}

/** Asked for, a run does or tells more than that all is fresh, or is started in another folder than it runs in. */
const FLAGS = ["force", "dry-run", "trace", "remote-read-only"];
const TEXTS = ["cwd", "summary", "executor", "remote"];
/** What a run reads of its environment beside what pipeline.yaml declares, as far as an idle one does. */
const VARIABLES = ["PIPELINE_REMOTE_CACHE", "GITHUB_STEP_SUMMARY"];

export function watchForIdle({ folder, environment }: Context, args: Arguments): IdleWatch | undefined {
  if (buildId === undefined || environment.GITHUB_STEP_SUMMARY) return undefined;
  if (FLAGS.some((name) => args.flag(name)) || TEXTS.some((name) => args.text(name) !== undefined)) return undefined;
  const workspace = findWorkspace(folder);
  const asked = { workspace, folder, words: process.argv.slice(2), build: buildId, node: process.version };
  const sightings = openSightings(workspace);
  for (const name of VARIABLES) sightings.variable(name, environment[name]);
  const fresh: [...IdleRun["fresh"][number]][] = [];
  let told: IdleRun["plan"] | undefined;
  return {
    sightings,
    observe(event) {
      if (event.type === "plan") told = event;
      else if (event.type === "fresh" && event.remote === undefined) fresh.push([event.instance, event.key]);
      else if (event.type !== "summary") sightings.doubt();
    },
    keep({ executor }, warnings) {
      const seen = sightings.all();
      if (seen === undefined || executor !== undefined || fresh.length !== told?.instances) return;
      const colour = args.flag("no-color") ? false : args.flag("color") ? true : undefined;
      const run = { asked, seen, device: args.text("device"), json: args.flag("json"), colour };
      keepIdleRun({ ...run, warnings, plan: told, fresh }, environment);
    },
  };
}
