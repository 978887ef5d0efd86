import { readdirSync, readFileSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { moveTo, openStore, type Store } from "../files/store.ts";
import { parseTree } from "../files/tree.ts";
import { digestFile, isDigest } from "../plan/digest.ts";
import type { ActionRecord } from "../plan/outcome.ts";
import type { Digest, InstanceName, Key } from "../plan/plan.ts";
import { parseRecord } from "./action-cache.ts";
import { openCas } from "./cas.ts";

export interface CacheProblem {
  /** `corrupted-blob`, `broken-record`, `old-record`: not usable. `incomplete-result`: blobs are missing, so it would run again. */
  readonly reason: "corrupted-blob" | "broken-record" | "old-record" | "incomplete-result";
  readonly message: string;
  readonly instance?: InstanceName;
}

export interface CacheReport {
  readonly blobs: number;
  readonly bytes: number;
  readonly records: number;
  readonly problems: readonly CacheProblem[];
}

/** Reads every blob and every record of a workspace's cache. Damaged ones are moved to `.pipeline/quarantine`. */
export async function checkCache(workspace: string): Promise<CacheReport> {
  const store = openStore(workspace);
  const problems: CacheProblem[] = [];
  const healthy = new Set<Digest>();
  let bytes = 0;
  const blobs = filesBelow(join(store.root, "cas", "sha256"));
  for (const file of blobs) {
    const digest = basename(file);
    const size = statSync(file, { throwIfNoEntry: false })?.size;
    if (size === undefined) continue; // Collected meanwhile.
    bytes += size;
    if (isDigest(digest) && (await digestFile(file)) === digest) healthy.add(digest);
    else
      problems.push({ reason: "corrupted-blob", message: `the blob ${digest} is corrupted${quarantine(store, file)}` });
  }
  const files = filesBelow(join(store.root, "actions"));
  for (const file of files) {
    const key = basename(file, ".json");
    const record = parseRecord(readFileSync(file, "utf8"), key as Key);
    if (typeof record === "string") {
      // A record of another version may be of use to that version.
      const old = record.startsWith("has format");
      const message = `the action record ${key} ${record}${old ? "" : quarantine(store, file)}`;
      problems.push({ reason: old ? "old-record" : "broken-record", message });
      continue;
    }
    const lost = lostBlob(record, healthy, store);
    if (lost === undefined) continue;
    problems.push({
      reason: "incomplete-result",
      instance: record.instance,
      message: `a result of ${record.instance} lacks its blob ${lost}: it would run again`,
    });
  }
  return { blobs: blobs.length, bytes, records: files.length, problems };
}

function lostBlob({ outs }: ActionRecord, healthy: ReadonlySet<Digest>, store: Store): Digest | undefined {
  for (const { kind, digest } of Object.values(outs)) {
    if (!healthy.has(digest)) return digest;
    if (kind === "file") continue;
    const text = openCas(store).read(digest);
    const tree = typeof text === "string" ? undefined : parseTree(text);
    if (tree === undefined) return digest;
    const lost = tree.find((file) => !healthy.has(file.digest));
    if (lost !== undefined) return lost.digest;
  }
  return undefined;
}

function quarantine(store: Store, file: string): string {
  try {
    moveTo(file, join(store.root, "quarantine", basename(file)));
    return "; it was moved to .pipeline/quarantine";
  } catch (error) {
    return `; it could not be moved to .pipeline/quarantine: ${(error as Error).message}`;
  }
}

function filesBelow(folder: string): string[] {
  try {
    return readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}
