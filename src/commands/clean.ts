import { existsSync, lstatSync, readdirSync, rmdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { openStore, otherWriters } from "../engine/files/store.ts";
import type { Plan } from "../engine/plan/plan.ts";
import { isAlive } from "../engine/system/identity.ts";
import { counted } from "../reporters/text.ts";
import { type Command, type Context, PLAN_OPTIONS, usageError } from "./command.ts";
import { plansOfAllProfiles } from "./profiles.ts";
import { openPlan } from "./workspace.ts";

export const command: Command = {
  name: "clean",
  summary: "remove artifacts, and with --cache everything remembered",
  usage: "[options]",
  description: `Removes the outs that pipeline.yaml declares, with every profile. The cache stays, so that the next run restores
them; --cache removes it too, unless another pipeline is running in the workspace. Files that no stage declares are left
where they are.`,
  options: {
    cache: { type: "boolean", description: "remove .pipeline/ as well: cache, records, logs" },
    "dry-run": { type: "boolean", short: "n", description: "tell what would be removed, and remove nothing" },
    ...PLAN_OPTIONS,
  },
  examples: [
    { command: "pipeline clean", meaning: "remove artifacts; the next run restores them" },
    { command: "pipeline clean --cache", meaning: "forget everything; the next run runs everything" },
  ],
  arity: [0, 0],
  async run(context, args) {
    const plan = await openPlan(context, args);
    if (plan === 2) return 2;
    if (args.flag("cache") && !isAlone(context, plan)) return 2;
    const remove = !args.flag("dry-run");
    const outs = await outsOfAllProfiles(plan);
    const { workspace, artifacts = "artifacts" } = plan;
    let removed = 0;
    for (const path of outs) {
      if (lstatSync(join(workspace, path), { throwIfNoEntry: false }) === undefined) continue;
      removed++;
      if (!remove) continue;
      rmSync(join(workspace, path), { recursive: true, force: true });
      removeEmptyFolders(workspace, dirname(path), artifacts);
    }
    const { out } = context;
    const verb = remove ? "removed" : "would remove";
    out.write(`${verb} ${counted(removed, "out")} below ${artifacts}/\n`);
    if (args.flag("cache") && existsSync(join(workspace, ".pipeline"))) {
      if (remove) removeCache(join(workspace, ".pipeline"));
      out.write(`${verb} the cache, .pipeline/\n`);
    }
    const left = filesBelow(join(workspace, artifacts)).filter((file) => remove || !isIn(`${artifacts}/${file}`, outs));
    if (left.length > 0) {
      out.write(
        out.palette.dim(
          `left ${counted(left.length, "file")} that no stage declares: ${left.slice(0, 3).join(", ")}${left.length > 3 ? ", …" : ""}\n`,
        ),
      );
    }
    return 0;
  },
};

/** A run that loses the cache under it fails, and what it was making is lost. */
function isAlone(context: Context, { workspace }: Plan): boolean {
  const [other] = otherWriters(openStore(workspace));
  if (other === undefined) return true;
  const { host, pid } = other;
  if (isAlive(other) === true) {
    const message = `another pipeline is running here (process ${pid}), and would lose the cache under it`;
    usageError(context, message, "wait for it or stop it, then run again; `pipeline clean` alone may run beside it");
  } else {
    const message = `another pipeline may be running here: process ${pid} on ${host}, of which nothing is known on this machine`;
    usageError(context, message, "if it has ended, remove .pipeline/tmp, then run again");
  }
  return false;
}

/** Where it lies on another disk, behind a link, the link stays. */
function removeCache(folder: string): void {
  const isLink = lstatSync(folder).isSymbolicLink();
  const paths = isLink ? readdirSync(folder).map((name) => join(folder, name)) : [folder];
  for (const path of paths) rmSync(path, { recursive: true, force: true });
}

async function outsOfAllProfiles(plan: Plan): Promise<Set<string>> {
  const plans = await plansOfAllProfiles(plan);
  return new Set(plans.flatMap(({ instances }) => instances.flatMap(({ outs }) => outs.map(({ path }) => path))));
}

/** The folders above a removed out, as far as they are empty; the artifacts folder itself stays. */
function removeEmptyFolders(workspace: string, folder: string, artifacts: string): void {
  for (let path = folder; path.startsWith(`${artifacts}/`); path = dirname(path)) {
    try {
      rmdirSync(join(workspace, path));
    } catch {
      return;
    }
  }
}

function filesBelow(folder: string): string[] {
  if (!existsSync(folder)) return [];
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => !entry.isDirectory() && entry.name !== "README.md" && !entry.name.startsWith(".git"))
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();
}

function isIn(path: string, outs: ReadonlySet<string>): boolean {
  for (let folder = path; folder !== "."; folder = dirname(folder)) if (outs.has(folder)) return true;
  return false;
}
