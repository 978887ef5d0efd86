import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { Event, Failure } from "../../../src/engine/plan/event.ts";
import type { MiniCluster } from "../../rig/slurm.ts";
import type { Outcome, Running, Workspace } from "../../rig/workspace.ts";

export function runOn(cluster: MiniCluster, workspace: Workspace, ...args: readonly string[]): Promise<Outcome> {
  return workspace.runWith({ env: cluster.env }, "run", "--profile", "cluster", "--json", ...args);
}

export function beginOn(cluster: MiniCluster, workspace: Workspace, ...args: readonly string[]): Running {
  return workspace.start({ env: cluster.env }, "run", "--profile", "cluster", "--json", ...args);
}

/** The events of one kind. */
export function eventsOf<Type extends Event["type"]>(
  outcome: Outcome,
  type: Type,
): Extract<Event, { readonly type: Type }>[] {
  return outcome.events.filter((event): event is Extract<Event, { readonly type: Type }> => event.type === type);
}

/** Slurm's numbers of the arrays that instances of a stage were in. */
export function arraysOf(outcome: Outcome, stage: string): string[] {
  const jobs = eventsOf(outcome, "job").filter(
    ({ instance }) => instance === stage || instance.startsWith(`${stage}@`),
  );
  return [...new Set(jobs.map(({ job }) => job.replace(/_\d+$/, "")))];
}

export function failuresOf(outcome: Outcome): Record<string, Failure> {
  return Object.fromEntries(eventsOf(outcome, "failed").map(({ instance, failure }) => [instance, failure]));
}

/** What the action cache says that instances made, whoever ran them: key and digests of the outs. */
export function resultsOf(workspace: Workspace): Record<string, unknown> {
  const records = workspace.list(".pipeline/actions").map((file) => JSON.parse(workspace.read(file)));
  return Object.fromEntries(records.map(({ instance, key, outs }) => [instance, { key, outs }]));
}

/** A pipeline whose profile `cluster` runs on one. */
export const YAML = (slurm: string, stages: string, params = "{}"): string =>
  `version: 1\nparams: ${params}\nslurm: { poll: 300ms, ${slurm} }\nprofiles: { cluster: { executor: slurm } }\nstages:\n${stages}`;

/** A command that tells that it has started, and waits for the file `go`. */
export const gated = (workspace: Workspace, label: string): string =>
  `${workspace.counting(label)}; echo started; until [ -e '${workspace.path("go")}' ]; do sleep 0.05; done; echo done > \${outs.x}`;

/** A PATH that leads to everything but one program. */
export function pathWithout(program: string): string {
  const folder = mkdtempSync(join(tmpdir(), "path-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  for (const name of ["node", "bash", "sh", "sbatch", "scancel", "squeue"]) {
    if (name !== program) symlinkSync(execFileSync("which", [name], { encoding: "utf8" }).trim(), join(folder, name));
  }
  return folder;
}

/** Resolves when the queue is empty. */
export async function idle(cluster: MiniCluster): Promise<void> {
  while (cluster.ask("squeue", "--noheader") !== "") await pause();
}

/**
 * Starts a job that was put back. Slurm puts it off for as long as a credential lives, two minutes, and refuses it within the
 * second in which it was ended: "Job credential revoked".
 */
export async function hurry(cluster: MiniCluster, job: string): Promise<void> {
  const second = Math.floor(Date.now() / 1000);
  while (Math.floor(Date.now() / 1000) <= second + 1) await pause();
  cluster.ask("scontrol", "update", `jobid=${job}`, "starttime=now");
}

export function pause(): Promise<void> {
  return new Promise((fulfil) => setTimeout(fulfil, 100));
}
