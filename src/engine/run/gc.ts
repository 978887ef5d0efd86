import { linkSync, renameSync, rmSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { blobsOf } from "../cache/blobs.ts";
import { type Leftover, leftover, leftoversOf, removeLeftover } from "../cache/leftovers.ts";
import { otherWriters, type Store } from "../files/store.ts";
import { isDigest } from "../plan/digest.ts";
import type { Environment } from "../plan/environment.ts";
import type { Digest, Key, Plan } from "../plan/plan.ts";
import { isPlanFailure, type PlanFailure } from "../plan/plan-failure.ts";
import { submissionLeftovers } from "../slurm/leftovers.ts";
import { type Engine, inputsOf, openEngine, saveEngine } from "../survey/engine.ts";
import { survey } from "../survey/survey.ts";
import { type Entry, entriesIn } from "../system/entries.ts";
import { explainIo } from "../system/io-error.ts";

export interface GcOptions {
  /** Results that no plan reaches go once they have not been made or restored for this long. */
  readonly olderThanMs: number;
  /** Beyond this, results that no plan reaches go sooner, the oldest first. */
  readonly maxBytes: number;
  readonly dryRun: boolean;
}

export interface GcReport {
  /** `bytes` are those of `blobs` and of `others`. */
  readonly removed: {
    readonly results: number;
    readonly blobs: number;
    readonly bytes: number;
    readonly others: readonly Other[];
  };
  readonly kept: { readonly results: number; readonly bytes: number };
  /** Another pipeline is running: what is younger than a day was left alone. */
  readonly busy: boolean;
}

/** What is neither a result nor a blob, and went. */
export interface Other {
  readonly kind: Leftover["kind"];
  /** Of the instance, the profile or the digest. */
  readonly name: string;
  readonly bytes: number;
}

const DAY_MS = 24 * 60 * 60 * 1000;

interface Result extends Entry {
  readonly reached: boolean;
  readonly blobs: ReadonlySet<Digest>;
  readonly code: ReadonlySet<string>;
}

/**
 * Removes results that none of these plans (the pipeline file with every profile) reaches and that are old, then blobs
 * and bundles that no result names, and what is left of instances and profiles that are not declared any more. Other pipelines may run meanwhile: what they are about to name is young, and a result
 * that goes while they look at it is a miss to them, never a wrong hit.
 */
export async function collectGarbage(
  plans: readonly Plan[],
  environment: Environment,
  { olderThanMs, maxBytes, dryRun }: GcOptions,
): Promise<GcReport | PlanFailure> {
  const engines = plans.map((plan) => openEngine(plan, environment, new AbortController().signal, () => undefined));
  const [{ store, actions, cas }] = engines as [Engine];
  try {
    const reached = new Set<Key>();
    for (const engine of engines) for (const key of await keysOf(engine)) reached.add(key);
    const busy = otherWriters(store).length > 0;
    const grown = busy ? Math.max(olderThanMs, DAY_MS) : olderThanMs;
    const now = Date.now();
    const isOld = ({ stats }: Entry, limit: number): boolean => now - stats.mtimeMs >= limit;
    // A blob keeps the time its action wrote it at; when it entered the cache, only the ctime tells.
    const isNew = ({ stats }: Entry): boolean => now - stats.ctimeMs < DAY_MS;

    // Blobs before records: a blob that appears in between is not looked at.
    const blobs = entriesIn(join(store.root, "cas", "sha256"), 1).filter(({ file }) => isDigest(basename(file)));
    const results = entriesIn(join(store.root, "actions"), 1).map((entry): Result => {
      const record = actions.get(basename(entry.file, ".json") as Key);
      const used = record === undefined ? [] : blobsOf(record.outs, cas);
      const code = (record?.manifest ?? []).flatMap(([kind, , value]) => (kind === "code" ? [String(value)] : []));
      return {
        ...entry,
        reached: record !== undefined && reached.has(record.key),
        blobs: new Set(used),
        code: new Set(code),
      };
    });

    const sizes = new Map(blobs.map(({ file, stats }) => [basename(file) as Digest, stats.size]));
    const kept = results.filter((result) => result.reached || !isOld(result, grown));
    // An unfinished action's folder is as good as a result that nothing reaches: it may be large, and goes by age and size.
    const leftovers = [
      ...leftoversOf(store, plans, reached),
      ...(await submissionLeftovers(store.workspace, environment, reached)),
    ];
    const staying = leftovers.filter((leftover) => !isOld(leftover, grown));
    shrink(kept, staying, sizes, maxBytes, (entry) => !busy || isOld(entry, DAY_MS));
    const keeping = new Set(kept);
    const named = new Set(kept.flatMap((result) => [...result.blobs]));
    const goners = results.filter((result) => !keeping.has(result));
    const garbage = blobs.filter((blob) => {
      if (named.has(basename(blob.file) as Digest)) return false;
      return !busy || !isNew(blob);
    });
    const code = new Set(kept.flatMap((result) => [...result.code]));
    const others = [
      ...leftovers.filter((leftover) => !staying.includes(leftover)),
      ...entriesIn(join(store.root, "bundles"), 0)
        .filter((entry) => !code.has(basename(entry.file).split(".")[0]!) && isOld(entry, Math.max(grown, DAY_MS)))
        .map((entry) => leftover("bundle", basename(entry.file), entry)),
      ...entriesIn(join(store.root, "quarantine"), 0)
        .filter((entry) => isOld(entry, grown))
        .map((entry) => leftover("quarantine", basename(entry.file), entry)),
    ];
    if (!dryRun) {
      for (const { file } of goners) rmSync(file, { force: true });
      for (const blob of garbage) removeBlob(store, blob);
      for (const other of others) removeLeftover(store, other);
    }
    const bytes = sum(garbage.map(({ stats }) => stats.size)) + sum(others.map((other) => other.bytes));
    return {
      removed: {
        results: goners.length,
        blobs: garbage.length,
        bytes,
        others: others.map(({ kind, name, bytes }) => ({ kind, name, bytes })),
      },
      kept: { results: kept.length, bytes: sum([...named].map((digest) => sizes.get(digest) ?? 0)) },
      busy,
    };
  } catch (error) {
    const problem = explainIo(error, "cleaning the cache in .pipeline");
    if (problem === undefined) throw error;
    return problem;
  } finally {
    for (const engine of engines) {
      saveEngine(engine);
      engine.store.close();
    }
  }
}

/** The keys that a plan has now; where that cannot be known before something runs, the last one it had. */
async function keysOf(engine: Engine): Promise<Key[]> {
  const { plan, history } = engine;
  const inputs = await inputsOf(engine, plan.instances);
  const lastKeys = plan.instances.flatMap(({ name }) => history.get(name)?.key ?? []);
  if (isPlanFailure(inputs)) return lastKeys;
  const { findings } = await survey(engine, inputs, plan.instances);
  return findings.flatMap((finding) => {
    if ("verdict" in finding && (finding.verdict.state === "fresh" || finding.verdict.state === "restorable")) {
      return [finding.verdict.key];
    }
    // An unfinished one may go on, too.
    const own = "verdict" in finding && finding.verdict.state === "stale" ? [finding.verdict.key] : [];
    return own.concat(history.get(finding.instance.name)?.key ?? []);
  });
}

/** Takes the oldest of what nothing reaches off the lists until the blobs and folders of the rest fit. */
function shrink(
  kept: Result[],
  leftovers: Leftover[],
  sizes: ReadonlyMap<Digest, number>,
  maxBytes: number,
  mayGo: (entry: Entry) => boolean,
): void {
  const uses = new Map<Digest, number>();
  for (const digest of kept.flatMap((result) => [...result.blobs])) uses.set(digest, (uses.get(digest) ?? 0) + 1);
  let bytes =
    sum([...uses.keys()].map((digest) => sizes.get(digest) ?? 0)) + sum(leftovers.map((leftover) => leftover.bytes));
  const candidates = [...kept.filter((result) => !result.reached), ...leftovers].filter(mayGo);
  for (const candidate of candidates.sort((a, b) => a.stats.mtimeMs - b.stats.mtimeMs)) {
    if (bytes <= maxBytes) return;
    if ("kind" in candidate) {
      leftovers.splice(leftovers.indexOf(candidate), 1);
      bytes -= candidate.bytes;
      continue;
    }
    kept.splice(kept.indexOf(candidate), 1);
    for (const digest of candidate.blobs) {
      uses.set(digest, uses.get(digest)! - 1);
      if (uses.get(digest) === 0) bytes -= sizes.get(digest) ?? 0;
    }
  }
}

/** Moved away first and looked at again: another process may have put a new one there, which goes back. */
function removeBlob(store: Store, { file, stats }: Entry): void {
  const aside = store.scratch("garbage");
  try {
    renameSync(file, aside);
    if (statSync(aside).ino !== stats.ino) linkSync(aside, file);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "ENOENT" && code !== "EEXIST") throw error;
  }
  rmSync(aside, { force: true });
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}
