import type { Environment } from "../engine/plan/environment.ts";
import type { Digest, Key, Plan } from "../engine/plan/plan.ts";
import { isPlanFailure } from "../engine/plan/plan-failure.ts";
import { LOCK_FILE, parsePipelineLock } from "../engine/run/pipeline-lock.ts";
import { studyOf } from "../engine/run/record.ts";
import { inputsOf, type OpenRemote, openEngine, saveEngine } from "../engine/survey/engine.ts";
import { survey } from "../engine/survey/survey.ts";
import { informed, openBring } from "./bring.ts";
import { openCauses } from "./causes.ts";
import { fileAt, type RevisionFacts } from "./compare-revision.ts";
import { type ClaimChange, differenceOf, type TableChange } from "./difference.ts";
import { type FigureReview, reviewFigures } from "./figure-review.ts";
import { bytesOf, presentSnapshot, recordedSnapshot, type Snapshot, type SnapshotOut } from "./snapshot.ts";

/** What a change did to the results, for whoever reviews it. */
export interface Review {
  readonly revision: RevisionFacts;
  /** None where the revision recorded no results, or nobody can say what is up to date here. */
  readonly results: ReviewResults | undefined;
  readonly notices: readonly string[];
}

export interface ReviewResults {
  readonly claims: readonly ClaimChange[];
  readonly sameClaims: number;
  readonly figures: readonly FigureReview[];
  readonly sameFigures: number;
  /** Those that differ. */
  readonly tables: readonly TableChange[];
  /** Tensors, folders and other outs that differ. */
  readonly others: number;
  /** Paths that the revision recorded and that are not up to date here. */
  readonly notMade: readonly string[];
  /** Paths with other bytes than were recorded though nothing that decides them changed: another machine made them. */
  readonly elsewhere: readonly string[];
}

export interface ReviewOptions {
  readonly remote: OpenRemote | undefined;
  /** Whether figures are wanted with their pictures. */
  readonly pictures: boolean;
}

/** A table beyond this is no summary, and is not read. */
const MOST_TABLE = 8 << 20;

/**
 * Compares what a revision recorded in its pipeline.lock with what is up to date here. Contents and records that this
 * machine does not have come from the remote cache, where there is one; nothing is run or sent.
 */
export async function reviewAgainst(
  plan: Plan,
  environment: Environment,
  revision: RevisionFacts,
  { remote, pictures }: ReviewOptions,
): Promise<Review> {
  const notices: string[] = [];
  const none = { revision, results: undefined, notices };
  const text = fileAt(plan.workspace, revision, LOCK_FILE);
  if (text === undefined) {
    notices.push(`${revision.short} recorded no results: it has no ${LOCK_FILE}.`);
    return none;
  }
  const lock = parsePipelineLock(text);
  if (typeof lock === "string") {
    notices.push(`At ${revision.short} ${lock}.`);
    return none;
  }
  const warn = (message: string): void => void notices.push(`${message}.`);
  const engine = openEngine(plan, environment, new AbortController().signal, warn, { remote });
  try {
    const inputs = await inputsOf(engine, plan.instances);
    if (isPlanFailure(inputs)) {
      notices.push(`Whether results are up to date could not be found out: ${inputs.message}.`);
      return none;
    }
    const { findings, produced } = await survey(engine, inputs, plan.instances);
    const after: Snapshot = new Map([...presentSnapshot(plan, engine, findings)].filter(([, out]) => !out.stale));

    // A study is what was asked, apart from the machine: where it is the same, the change under review did nothing. Deps
    // enter it as they were recorded, or as they are now where the change got to them.
    const affected = new Set<string>(lock.keys());
    const rolling = new Map(lock);
    for (const instance of plan.instances) {
      const { name } = instance;
      const entry = lock.get(name);
      if (entry !== undefined && studyOf(instance, inputs, rolling) === entry.study) {
        affected.delete(name);
        continue;
      }
      affected.add(name);
      const outs = instance.outs.flatMap(({ name: out, path }) => {
        const content = after.get(path)?.content;
        return content === undefined ? [] : [[out, content] as const];
      });
      rolling.set(name, { ...NOTHING, outs: Object.fromEntries(outs) });
    }
    const wanted = [...lock].flatMap(([name, { key }]) => (affected.has(name) ? [{ name, key }] : []));
    const knowing = await informed(engine, wanted);
    const recorded = recordedSnapshot(lock, plan, knowing);

    const declared = new Set(plan.instances.flatMap(({ outs }) => outs.map(({ path }) => path)));
    const [before, notMade, elsewhere] = [new Map<string, SnapshotOut>(), [] as string[], [] as string[]];
    for (const [path, out] of recorded) {
      const now = after.get(path);
      if (now === undefined && declared.has(path)) notMade.push(path);
      else if (now !== undefined && !affected.has(out.instance) && now.content !== out.content) {
        elsewhere.push(path);
        before.set(path, now);
      } else before.set(path, out);
    }
    const bring = openBring(knowing, lock);
    await Promise.all(
      [...before, ...after]
        .filter(([path]) => isTable(path) && before.get(path)?.content !== after.get(path)?.content)
        .map(([, out]) => bring(out, MOST_TABLE)),
    );
    const only = (snapshot: Snapshot): Snapshot => new Map([...snapshot].filter(([path]) => isTable(path)));
    const difference = differenceOf(plan.artifacts ?? "artifacts", only(before), only(after), (out) =>
      bytesOf(knowing, out),
    );
    const causes = openCauses({ engine: knowing, inputs, produced, lock, affected, revision });
    const figures = await reviewFigures({ plan, engine: knowing, bring, recorded, before, after, causes, pictures });
    const others = [...new Set([...before.keys(), ...after.keys()])].filter(
      (path) => !isTable(path) && !figures.paths.has(path) && before.get(path)?.content !== after.get(path)?.content,
    );
    return {
      revision,
      notices,
      results: {
        claims: difference.claims,
        sameClaims: difference.sameClaims,
        figures: figures.changed,
        sameFigures: figures.same,
        tables: difference.tables.filter(({ change }) => change !== "same"),
        others: others.length + difference.others.filter(({ change }) => change !== "same").length,
        notMade: notMade.filter((path) => !figures.paths.has(path)),
        elsewhere,
      },
    };
  } finally {
    saveEngine(engine);
    engine.remote?.close();
    engine.store.close();
  }
}

const NOTHING = { key: "" as Key, study: "" as Digest, platform: undefined };

/** Numbers and claims; a figure's specification is no table. */
function isTable(path: string): boolean {
  return path.endsWith(".json") && !path.endsWith(".vl.json");
}
