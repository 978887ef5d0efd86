import { copyFileSync, existsSync, mkdirSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { buildFolder, buildId, packageRoot } from "../system/build.ts";
import { spoolRoot } from "./spool.ts";

export const sharedBuilds = (workspace: string): string => join(spoolRoot(workspace), "build");

/**
 * The program that jobs run, copied beside them: the launcher keeps its bundles where nodes may not see them, and not for
 * as long as a job may wait. `undefined` where no launcher has bundled anything.
 */
export function shareBuild(
  workspace: string,
): { readonly root: string; readonly id: string; readonly folder: string } | undefined {
  if (buildFolder === undefined || buildId === undefined) return undefined;
  const root = sharedBuilds(workspace);
  const folder = join(root, buildId);
  const build = { root: packageRoot, id: buildId, folder };
  if (existsSync(folder)) return build;
  mkdirSync(root, { recursive: true });
  try {
    symlinkSync(join(packageRoot, "node_modules"), join(root, "node_modules"), "dir");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
  const temporary = `${folder}.${process.pid}`;
  mkdirSync(temporary, { recursive: true });
  for (const name of ["worker.cjs", "spawner.cjs"]) copyFileSync(join(buildFolder, name), join(temporary, name));
  try {
    renameSync(temporary, folder);
  } catch (error) {
    rmSync(temporary, { recursive: true, force: true });
    if (!existsSync(folder)) throw error;
  }
  return build;
}
