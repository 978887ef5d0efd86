import { type Stats, statSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Leftover } from "../cache/leftovers.ts";
import type { Environment } from "../plan/environment.ts";
import type { Key } from "../plan/plan.ts";
import { buildId } from "../system/build.ts";
import { bytesBelow, namesIn } from "../system/entries.ts";
import { sharedBuilds } from "./build.ts";
import { placesIn } from "./places.ts";
import { isOver, readQueue } from "./queue.ts";
import { eventsFolder, outputFile, type Spool, spoolsIn } from "./spool.ts";
import { nameOf, readCommon } from "./submission.ts";

/**
 * Submissions that no driver will ask for: their jobs are over, and no plan reaches what they ran. A job may wait or run
 * for weeks without a word, so that no age makes up for Slurm's answer: where it gives none, those with something left stay.
 * Then the programs of jobs that no submission needs.
 */
export async function submissionLeftovers(
  workspace: string,
  environment: Environment,
  reached: ReadonlySet<Key>,
): Promise<Leftover[]> {
  const spools = spoolsIn(workspace).map((spool) => ({ spool, common: readCommon(spool), places: placesIn(spool) }));
  const names = spools.flatMap(({ spool, common }) => (common === undefined ? [] : [nameOf(common.stage, spool)]));
  const alive = names.length === 0 ? new Set<string>() : await namesInQueue(environment, names);
  const gone = spools.filter(({ spool, common, places }) => {
    // Not all of it was written: nothing was submitted.
    if (common === undefined) return true;
    if (alive === undefined) return places.size === 0;
    return !alive.has(nameOf(common.stage, spool)) && ![...places.keys()].some((key) => reached.has(key));
  });
  const needed = new Set(spools.filter((each) => !gone.includes(each)).map(({ common }) => common?.build.id));
  const builds = namesIn(sharedBuilds(workspace)).filter(
    (name) => name !== "node_modules" && name !== buildId && !needed.has(name),
  );
  return [
    ...gone.flatMap(({ spool, common }) =>
      leftoverOf(
        "submission",
        common === undefined ? spool.id : nameOf(common.stage, spool),
        spool.folder,
        newestOf(spool),
      ),
    ),
    ...builds.flatMap((name) => {
      const folder = join(sharedBuilds(workspace), name);
      return leftoverOf("program", name, folder, statSync(folder, { throwIfNoEntry: false }));
    }),
  ];
}

function leftoverOf(kind: Leftover["kind"], name: string, file: string, stats: Stats | undefined): Leftover[] {
  return stats === undefined ? [] : [{ kind, name, file, stats, bytes: bytesBelow(file) }];
}

async function namesInQueue(
  environment: Environment,
  names: readonly string[],
): Promise<ReadonlySet<string> | undefined> {
  const entries = await readQueue(environment, names);
  return entries && new Set(entries.filter(({ state }) => !isOver(state)).map(({ name }) => name));
}

/** What was written last of it, by whomever. */
function newestOf(spool: Spool): Stats | undefined {
  const files = [eventsFolder(spool), dirname(outputFile(spool, "%a"))].flatMap((folder) =>
    namesIn(folder).map((name) => join(folder, name)),
  );
  const all = [spool.folder, ...files].flatMap((file) => statSync(file, { throwIfNoEntry: false }) ?? []);
  return all.sort((a, b) => b.mtimeMs - a.mtimeMs)[0];
}
