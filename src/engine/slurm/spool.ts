import { randomBytes } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Key } from "../plan.ts";

/**
 * `.pipeline/slurm/`, where a driver and its jobs meet on the shared file system:
 *
 *   keys/KEY             which submission runs it: SUBMISSION INDEX MEMBER
 *   ID/common.json       what all processes of one submission share
 *   ID/job.sh, ID/job    what sbatch was given; the number that it answered
 *   ID/tasks/N.json      what process N of the array does
 *   ID/events/N          what it tells
 *   ID/output/N          what it prints itself: trouble
 *   ID/work/N/M/         outs and temporary files of its member M
 *   build/               the program that jobs run
 */
export interface Spool {
  readonly id: string;
  readonly folder: string;
}

export interface Place {
  readonly id: string;
  readonly index: number;
  readonly member: number;
}

export const spoolRoot = (workspace: string): string => join(workspace, ".pipeline", "slurm");

export function openSpool(workspace: string, id = randomBytes(5).toString("hex")): Spool {
  return { id, folder: join(spoolRoot(workspace), id) };
}

export const commonFile = ({ folder }: Spool): string => join(folder, "common.json");
export const scriptFile = ({ folder }: Spool): string => join(folder, "job.sh");
export const jobFile = ({ folder }: Spool): string => join(folder, "job");
export const taskFile = ({ folder }: Spool, index: number): string => join(folder, "tasks", `${index}.json`);
export const eventsFile = ({ folder }: Spool, index: number): string => join(folder, "events", String(index));
export const outputFile = ({ folder }: Spool, index: number): string => join(folder, "output", String(index));
export const workFolder = ({ folder }: Spool, index: number, member: number): string =>
  join(folder, "work", String(index), String(member));
export const keyFile = (workspace: string, key: Key): string => join(spoolRoot(workspace), "keys", key);

/** Its values may be secrets: nobody else may read them. */
export function makeSpool(spool: Spool): void {
  mkdirSync(spool.folder, { recursive: true, mode: 0o700 });
  for (const name of ["tasks", "events", "output", "work"]) mkdirSync(join(spool.folder, name), { recursive: true });
}

/** Where a key was handed to; `undefined` where it was not, or has come back. */
export function placeOfKey(workspace: string, key: Key): Place | undefined {
  try {
    const [id = "", index = "", member = ""] = readFileSync(keyFile(workspace, key), "utf8").split(" ");
    if (!/^[0-9a-f]+$/.test(id)) return undefined;
    return { id, index: Number(index), member: Number(member) };
  } catch {
    return undefined;
  }
}

export function notePlace(workspace: string, key: Key, { id, index, member }: Place): void {
  const file = keyFile(workspace, key);
  try {
    writeFileSync(file, `${id} ${index} ${member}`);
  } catch {
    mkdirSync(join(spoolRoot(workspace), "keys"), { recursive: true });
    writeFileSync(file, `${id} ${index} ${member}`);
  }
}

export function forgetKey(workspace: string, key: Key, { id }: Pick<Place, "id">): void {
  // Another submission may have it by now.
  if (placeOfKey(workspace, key)?.id === id) rmSync(keyFile(workspace, key), { force: true });
}

/** Removes what belongs to one process; the submission goes with its last one. */
export function removeTask(spool: Spool, index: number): void {
  for (const path of [taskFile(spool, index), eventsFile(spool, index), outputFile(spool, index)]) remove(path);
  remove(join(spool.folder, "work", String(index)));
}

export function removeSpool({ folder }: Spool): void {
  remove(folder);
}

/** What a node still holds open may not go yet: a later sweep gets it. */
function remove(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true, maxRetries: 3 });
  } catch {
    // Nobody looks there any more.
  }
}

const KEPT_MS = 14 * 24 * 60 * 60 * 1000;

/** Submissions that no run has asked for within two weeks: their jobs are over, and their results are made again. */
export function sweepSpools(workspace: string, now = Date.now()): void {
  const root = spoolRoot(workspace);
  let names: string[];
  try {
    names = readdirSync(root);
  } catch {
    return;
  }
  for (const name of names) {
    if (name === "build" || name === "keys") continue;
    const stats = statSync(join(root, name), { throwIfNoEntry: false });
    const newest = Math.max(stats?.mtimeMs ?? now, ...eventTimes(join(root, name, "events")));
    if (now - newest > KEPT_MS) removeSpool({ id: name, folder: join(root, name) });
  }
}

function eventTimes(folder: string): number[] {
  try {
    return readdirSync(folder).map((name) => statSync(join(folder, name), { throwIfNoEntry: false })?.mtimeMs ?? 0);
  } catch {
    return [];
  }
}
