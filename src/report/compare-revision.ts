import type { Environment } from "../engine/plan/environment.ts";
import type { Plan } from "../engine/plan/plan.ts";
import { isPlanFailure } from "../engine/plan/plan-failure.ts";
import { LOCK_FILE, parsePipelineLock } from "../engine/run/pipeline-lock.ts";
import { inputsOf, openEngine, saveEngine } from "../engine/survey/engine.ts";
import { survey } from "../engine/survey/survey.ts";
import { type Difference, differenceOf } from "./difference.ts";
import type { LeafChange } from "./metrics.ts";
import { git } from "./revision.ts";
import { bytesOf, presentSnapshot, recordedSnapshot } from "./snapshot.ts";

export interface RevisionFacts {
  /** The full commit. */
  readonly commit: string;
  readonly short: string;
  readonly subject: string;
  /** ISO 8601 */
  readonly when: string;
}

export interface RevisionDifference {
  readonly revision: RevisionFacts;
  readonly profile: string;
  readonly params: readonly LeafChange[];
  /** None where the revision recorded no results. */
  readonly results: Difference | undefined;
  readonly notices: readonly string[];
}

/** The commit that a revision names, or `undefined` where git knows none. */
export function findRevision(workspace: string, revision: string): RevisionFacts | undefined {
  // A name that begins with a hyphen would be an option.
  if (revision.startsWith("-")) return undefined;
  const commit = git(workspace, "rev-parse", "--verify", "--quiet", `${revision}^{commit}`)?.trim();
  if (commit === undefined || commit === "") return undefined;
  const [short = "", when = "", subject = ""] = (
    git(workspace, "show", "-s", "--format=%h%n%cI%n%s", commit) ?? ""
  ).split("\n");
  return { commit, short, when, subject };
}

/** A file of the workspace as the revision has it. */
export function fileAt(workspace: string, { commit }: RevisionFacts, file: string): string | undefined {
  return git(workspace, "show", `${commit}:./${file}`);
}

/** What a revision recorded against what is here. Runs nothing. */
export async function compareWithRevision(
  plan: Plan,
  environment: Environment,
  revision: RevisionFacts,
  params: readonly LeafChange[],
): Promise<RevisionDifference> {
  const notices: string[] = [];
  const told = { revision, profile: plan.profile, params, notices };
  const text = fileAt(plan.workspace, revision, LOCK_FILE);
  if (text === undefined) {
    notices.push(`${revision.short} recorded no results: it has no ${LOCK_FILE}.`);
    return { ...told, results: undefined };
  }
  const lock = parsePipelineLock(text);
  if (typeof lock === "string") {
    notices.push(`At ${revision.short} ${lock}.`);
    return { ...told, results: undefined };
  }
  const engine = openEngine(plan, environment, new AbortController().signal, (message) => notices.push(message));
  try {
    const inputs = await inputsOf(engine, plan.instances);
    if (isPlanFailure(inputs))
      notices.push(`Whether results are up to date could not be found out: ${inputs.message}.`);
    const findings = isPlanFailure(inputs) ? [] : (await survey(engine, inputs, plan.instances)).findings;
    const [before, after] = [recordedSnapshot(lock, plan, engine), presentSnapshot(plan, engine, findings)];
    const results = differenceOf(plan.artifacts ?? "artifacts", before, after, (out) => bytesOf(engine, out));
    return { ...told, results };
  } finally {
    saveEngine(engine);
    engine.store.close();
  }
}

/**
 * How to make a revision's results without touching the present: with a record of them (`recorded`) their contents come into
 * this cache, where the comparison finds them; without one they lie in the folder.
 */
export function rebuildCommands({ short }: RevisionFacts, recorded: boolean): readonly string[] {
  const folder = `../rebuild-${short}`;
  const make = [`git worktree add ${folder} ${short}`, `(cd ${folder} && npm ci && npx pipeline run)`];
  if (!recorded) return make;
  return [
    ...make,
    `cp -Rn ${folder}/.pipeline/cas ${folder}/.pipeline/actions .pipeline/`,
    `git worktree remove --force ${folder}`,
  ];
}
