import { createHash, randomUUID } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expandFiles } from "../files/files.ts";
import type { Sightings } from "../files/sightings.ts";
import { fileStamp } from "../system/stamp.ts";
import type { Analysis } from "./analyse.ts";
import type { Diagnostic } from "./diagnostic.ts";

/** A valid plan and its warnings, kept so that a run over an unchanged pipeline.yaml loads neither a YAML parser nor a validator. */
export interface CachedPlan extends Analysis {
  readonly warnings: readonly Diagnostic[];
}

/** The identity of a plan: everything that decides it but the file system. */
export function planIdentity(ingredients: readonly string[]): string {
  const digest = createHash("sha256");
  for (const ingredient of ingredients) digest.update(`${ingredient.length}:${ingredient}`);
  return digest.digest("hex");
}

/** The plan of that identity, when it is there and the files it rests on still are. */
export async function readPlan(
  workspace: string,
  profile: string,
  identity: string,
  sightings?: Sightings,
): Promise<CachedPlan | undefined> {
  let cached: { readonly identity: string } & CachedPlan;
  try {
    cached = JSON.parse(readFileSync(fileOf(workspace, profile), "utf8"));
  } catch {
    return undefined;
  }
  if (cached.identity !== identity) return undefined;
  try {
    for (const file of cached.files) {
      const stamp = fileStamp(join(workspace, file));
      if (stamp === "") return undefined;
      sightings?.file(file, stamp);
    }
    const root = { workspace, artifacts: cached.plan.artifacts, sightings };
    for (const patterns of cached.patterns) if ((await expandFiles(root, patterns)).length === 0) return undefined;
  } catch {
    // Gone, or not to be read: making the plan tells which.
    return undefined;
  }
  return cached;
}

/** Keeps a plan, by rename; where the workspace cannot be written, it is simply made again next time. */
export function writePlan(workspace: string, profile: string, identity: string, plan: CachedPlan): void {
  const file = fileOf(workspace, profile);
  const temporary = `${file}.${randomUUID()}`;
  try {
    mkdirSync(join(workspace, ".pipeline", "plans"), { recursive: true });
    writeFileSync(temporary, JSON.stringify({ identity, ...plan }));
    renameSync(temporary, file);
  } catch {
    try {
      rmSync(temporary, { force: true });
    } catch {
      // `.pipeline` is no folder: what writes next will say so.
    }
  }
}

/** One file a profile, so that they cannot pile up. */
function fileOf(workspace: string, profile: string): string {
  return join(workspace, ".pipeline", "plans", `${/^[\w-]+$/.test(profile) ? profile : "default"}.json`);
}
