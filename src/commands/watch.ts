import { sep } from "node:path";
import type { Plan } from "../engine/plan/plan.ts";
import { LOCK_FILE } from "../engine/run/pipeline-lock.ts";
import { openWatcher, type Watcher } from "../engine/run/watcher.ts";
import { type Command, DEVICE_OPTION, PLAN_OPTIONS, usageError } from "./command.ts";
import {
  JOBS_OPTION,
  jobsOf,
  KEEP_GOING_OPTION,
  RESOURCE_OPTION,
  resourcesOf,
  runTargets,
  TRACE_OPTION,
} from "./run.ts";
import { chooseTargets, findWorkspace, openPlan } from "./workspace.ts";

export const command: Command = {
  name: "watch",
  summary: "run, and run again whenever a file changes",
  usage: "[TARGET…] [options]",
  description: `Brings the targets up to date, then again after each change of a file in the workspace. What changes during a run
is seen right after it. Ctrl-C ends it.`,
  options: {
    ...PLAN_OPTIONS,
    ...JOBS_OPTION,
    ...KEEP_GOING_OPTION,
    ...RESOURCE_OPTION,
    ...TRACE_OPTION,
    json: { type: "boolean", description: "one JSON object a line; each run ends with its summary" },
    ...DEVICE_OPTION,
  },
  examples: [{ command: "pipeline watch fig01", meaning: "draw a figure again at every save" }],
  arity: [0, Number.POSITIVE_INFINITY],
  interruptible: true,
  async run(context, args) {
    const jobs = jobsOf(context, args);
    if (jobs === undefined || resourcesOf(context, args) === undefined) return 2;
    const { signal, out } = context;
    let artifacts = "artifacts";
    let watcher: Watcher;
    try {
      watcher = openWatcher(findWorkspace(context.folder), (path) => isOurs(path.split(sep).join("/"), artifacts));
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (code !== "ENOSPC" && code !== "EMFILE") throw error;
      return usageError(context, `the workspace cannot be watched: ${message}`, "raise fs.inotify.max_user_watches");
    }
    signal.addEventListener("abort", watcher.close);
    while (!signal.aborted) {
      const plan = await openPlan(context, args);
      const targets = plan === 2 ? 2 : chooseTargets(context, plan, args.positionals);
      if (plan !== 2 && targets !== 2) {
        ({ artifacts = artifacts } = plan satisfies Plan);
        await runTargets(context, args, plan, targets, jobs);
      }
      if (signal.aborted) break;
      if (!args.flag("json")) out.write(out.palette.dim("watching for changes; Ctrl-C ends\n"));
      await watcher.changed();
    }
    return 130;
  },
};

/** What runs themselves write, and what is never an input. */
function isOurs(path: string, artifacts: string): boolean {
  const parts = path.split("/");
  return (
    parts[0] === ".pipeline" ||
    parts.includes("node_modules") ||
    parts.includes(".git") ||
    path === artifacts ||
    path.startsWith(`${artifacts}/`) ||
    path.startsWith(LOCK_FILE)
  );
}
