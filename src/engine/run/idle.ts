import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Diagnostic } from "../config/diagnostic.ts";
import { isStillSo, type Seen } from "../files/sightings.ts";
import { openStore } from "../files/store.ts";
import { digestOf } from "../plan/digest.ts";
import type { Environment } from "../plan/environment.ts";
import type { Event } from "../plan/event.ts";
import type { Digest, InstanceName, Key } from "../plan/plan.ts";

/** A run that found nothing to do: what it rested on, and what it told. */
export interface IdleRun {
  readonly asked: Asked;
  readonly seen: Seen;
  /** `PIPELINE_DEVICE`, where the command line sets it. */
  readonly device: string | undefined;
  readonly json: boolean;
  /** Where the command line says so. */
  readonly colour: boolean | undefined;
  /** Of pipeline.yaml. */
  readonly warnings: readonly Diagnostic[];
  readonly plan: Extract<Event, { readonly type: "plan" }>;
  /** In the order in which they were told. */
  readonly fresh: readonly (readonly [InstanceName, Key])[];
}

/** Which run it was. */
export interface Asked {
  readonly workspace: string;
  /** Where it was started: paths of targets are relative to it. */
  readonly folder: string;
  /** The command line. */
  readonly words: readonly string[];
  /** The sources that ran. */
  readonly build: string;
  readonly node: string;
}

interface Head {
  readonly format: number;
  readonly asked: Asked;
  readonly sha256: Digest;
}

/** Of this file's layout, and of what sightings mean. */
const FORMAT = 1;

/**
 * The last run that found nothing to do, where it was this very one and would find the same again: then nothing else has
 * to be read. `undefined` on any doubt.
 */
export function findIdleRun(asked: Asked, environment: Environment): IdleRun | undefined {
  try {
    const bytes = readFileSync(fileOf(asked.workspace));
    const end = bytes.indexOf("\n");
    const head = JSON.parse(bytes.toString("utf8", 0, end)) as Head;
    if (head.format !== FORMAT || !isSame(head.asked, asked)) return undefined;
    const text = bytes.subarray(end + 1);
    if (head.sha256 !== digestOf(text)) return undefined;
    const run = { asked, ...(JSON.parse(text.toString()) as Omit<IdleRun, "asked">) };
    return holds(run, environment) ? run : undefined;
  } catch {
    // Missing, broken, or something that it rested on cannot be looked at: the ordinary way finds out.
    return undefined;
  }
}

/** Keeps it in place of the one before, where it still holds: a run that has written memos will not be as it was. */
export function keepIdleRun(run: IdleRun, environment: Environment): void {
  const store = openStore(run.asked.workspace);
  try {
    if (holds(run, environment)) store.publish(fileOf(run.asked.workspace), idleText(run));
  } catch {
    // Read-only: every run looks at everything.
  } finally {
    store.close();
  }
}

function fileOf(workspace: string): string {
  return join(workspace, ".pipeline", "index", "idle.jsonl");
}

/** Two lines of JSON: which run it was with the check sum of the rest, and the rest. Nothing else would notice a wrong name or key in it. */
function idleText({ asked, ...rest }: IdleRun): string {
  const text = JSON.stringify(rest);
  const head: Head = { format: FORMAT, asked, sha256: digestOf(text) };
  return `${JSON.stringify(head)}\n${text}`;
}

function holds({ seen, device, asked }: IdleRun, environment: Environment): boolean {
  const given = device === undefined ? environment : { ...environment, PIPELINE_DEVICE: device };
  return isStillSo(seen, asked.workspace, given);
}

function isSame(a: Asked, b: Asked): boolean {
  return (
    a.workspace === b.workspace &&
    a.folder === b.folder &&
    a.build === b.build &&
    a.node === b.node &&
    JSON.stringify(a.words) === JSON.stringify(b.words)
  );
}
