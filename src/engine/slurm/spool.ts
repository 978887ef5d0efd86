import { randomBytes } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/**
 * `.pipeline/slurm/`, where a driver and its jobs meet on the shared file system:
 *
 *   ID/common.json       what all processes of one submission share
 *   ID/job.sh, ID/job    what sbatch was given; the number that it answered
 *   ID/keys              what it runs, a line an action: KEY PROCESS MEMBER
 *   ID/taken             what the driver is done with: PROCESS MEMBER, or PROCESS
 *   ID/tasks/N.json      what process N of the array does
 *   ID/events/N          what it tells; there since it began
 *   ID/output/N          what it prints itself: trouble
 *   ID/work/N.S.M/       outs and temporary files of its member M, of its start S: a node that was given up may go on
 *   build/               the program that jobs run
 *
 * Metadata are what shared file systems are slow at: a process costs its own few files, and looking after it no `stat` until
 * it has begun.
 */
export interface Spool {
  readonly id: string;
  readonly folder: string;
}

export const spoolRoot = (workspace: string): string => join(workspace, ".pipeline", "slurm");

export function openSpool(workspace: string, id = randomBytes(5).toString("hex")): Spool {
  return { id, folder: join(spoolRoot(workspace), id) };
}

export const commonFile = ({ folder }: Spool): string => join(folder, "common.json");
export const outsFile = ({ folder }: Spool): string => join(folder, "outs.json");
export const scriptFile = ({ folder }: Spool): string => join(folder, "job.sh");
export const jobFile = ({ folder }: Spool): string => join(folder, "job");
export const keysFile = ({ folder }: Spool): string => join(folder, "keys");
export const takenFile = ({ folder }: Spool): string => join(folder, "taken");
export const taskFile = ({ folder }: Spool, index: number): string => join(folder, "tasks", `${index}.json`);
export const eventsFolder = ({ folder }: Spool): string => join(folder, "events");
export const eventsFile = ({ folder }: Spool, index: number): string => join(folder, "events", String(index));
export const outputFile = ({ folder }: Spool, index: number | "%a"): string => join(folder, "output", String(index));
export const workFolder = ({ folder }: Spool, index: number, start: number, member: number | string): string =>
  join(folder, "work", `${index}.${start}.${member}`);

/** Its values may be secrets: nobody else may read them. */
export function makeSpool(spool: Spool): void {
  mkdirSync(spool.folder, { recursive: true, mode: 0o700 });
  for (const name of ["tasks", "events", "output", "work"]) mkdirSync(join(spool.folder, name), { recursive: true });
}

/** All submissions that are there. */
export function spoolsIn(workspace: string): Spool[] {
  try {
    return readdirSync(spoolRoot(workspace))
      .filter((name) => /^[0-9a-f]{10}$/.test(name))
      .map((id) => openSpool(workspace, id));
  } catch {
    return [];
  }
}

/** The lines of a file that grows; none where there is none. */
export function linesIn(file: string): string[] {
  try {
    return readFileSync(file, "utf8").split("\n").slice(0, -1);
  } catch {
    return [];
  }
}
