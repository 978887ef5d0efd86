import { type Comparison, compareOuts, DEFAULT_TOLERANCE } from "../cache/compare.ts";
import type { Inputs } from "../keys/inputs.ts";
import type { Environment } from "../plan/environment.ts";
import type { Emit, Summary } from "../plan/event.ts";
import { contentOf, type OutResult, type Outs } from "../plan/outcome.ts";
import type { Digest, Instance, InstanceName, Plan, Tolerance } from "../plan/plan.ts";
import { isPlanFailure, type PlanFailure } from "../plan/plan-failure.ts";
import { closureOf } from "../plan/targets.ts";
import type { Engine } from "../survey/engine.ts";
import { looking } from "../survey/looking.ts";
import type { Finding } from "../survey/survey.ts";
import { canonical, leavesOf } from "../system/json.ts";
import { type PipelineLock, readPipelineLock } from "./pipeline-lock.ts";
import { recordResults, studyOf } from "./record.ts";
import { type RunOptions, runPlan } from "./run.ts";

/** What `verify` says of one instance. */
export interface Verification {
  readonly instance: InstanceName;
  /**
   * `same`, `within-tolerance`, `differs`: against pipeline.lock, or against a second execution (`--rerun`).
   * `edited`: an artifact is not what its stage made. `not-recorded`: pipeline.lock has nothing of it, or of other code,
   * params or inputs. `not-run`: there is no result here to compare. `not-compared`: the second execution gave none.
   */
  readonly state: "same" | "within-tolerance" | "differs" | "edited" | "not-recorded" | "not-run" | "not-compared";
  /** One line for each out that is not the same, and for each fact of the machine that is not. */
  readonly details: readonly string[];
}

/**
 * Reads every artifact of these instances again and compares it with what its stage made, and what its stage made with
 * pipeline.lock. `accept` writes what is here into pipeline.lock.
 */
export async function verifyRecorded(
  plan: Plan,
  targets: ReadonlySet<InstanceName>,
  environment: Environment,
  accept: boolean,
): Promise<readonly Verification[] | PlanFailure> {
  const lock = readPipelineLock(plan.workspace);
  if (typeof lock === "string")
    return { reason: "broken-lock", message: lock, remedy: "correct it, or remove it and run again" };
  return looking(
    plan,
    closureOf(plan, [...targets]),
    environment,
    { trustFiles: false },
    (engine, inputs, { findings }) => {
      const verifications = findings
        .filter(({ instance }) => targets.has(instance.name))
        .map((finding) => verifyOne(engine, inputs, lock, finding));
      if (accept) {
        const done = findings.flatMap((finding) => {
          if (!("verdict" in finding)) return [];
          const { instance, verdict } = finding;
          const { state } = verdict;
          return state === "fresh" || state === "restorable"
            ? [{ instance, key: verdict.key, outs: verdict.outs }]
            : [];
        });
        const trouble = recordResults(plan, inputs, done, true);
        if (trouble !== undefined) return { reason: "broken-lock", message: trouble, remedy: "look at the file" };
      }
      return verifications;
    },
  );
}

/** Runs instances that have a result once more, and compares the two. Nothing is published. */
export async function verifyByRunning(
  plan: Plan,
  targets: ReadonlySet<InstanceName>,
  options: Pick<RunOptions, "jobs" | "resources" | "signal" | "environment">,
  emit: Emit,
): Promise<{ readonly verifications: readonly Verification[]; readonly summary: Summary } | PlanFailure> {
  const found = new Map<InstanceName, Verification>();
  const able = await looking(
    plan,
    closureOf(plan, [...targets]),
    options.environment,
    {},
    (_engine, _inputs, { findings }) =>
      findings.flatMap((finding) => {
        const { name } = finding.instance;
        if (!targets.has(name)) return [];
        if (resultOf(finding) !== undefined) return [name];
        found.set(name, { instance: name, state: "not-run", details: [] });
        return [];
      }),
  );
  if (isPlanFailure(able)) return able;
  let summary: Summary = { ran: 0, restored: 0, fresh: 0, failed: 0, skipped: 0, seconds: 0 };
  if (able.length > 0) {
    const rehearse = (engine: Engine, instance: Instance, before: Outs, after: Outs): void => {
      const details: string[] = [];
      const states = instance.outs.map(({ name, path }): Comparison["state"] => {
        const { state, detail } = compareOuts(engine, path, before[name]!, after[name]!, toleranceOf(instance));
        if (state !== "identical") details.push(`${path}  ${state.replace("-", " ")}: ${detail}`);
        return state;
      });
      found.set(instance.name, { instance: instance.name, state: worstOf(states), details });
    };
    const result = await runPlan(plan, able, { ...options, force: true, keepGoing: true, rehearse }, emit);
    if (isPlanFailure(result)) return result;
    summary = result;
    for (const name of able)
      if (!found.has(name)) found.set(name, { instance: name, state: "not-compared", details: [] });
  }
  const verifications = plan.instances.flatMap(({ name }) => found.get(name) ?? []);
  return { verifications, summary };
}

function verifyOne(engine: Engine, inputs: Inputs, lock: PipelineLock, finding: Finding): Verification {
  const { instance } = finding;
  const { name, platform } = instance;
  const result = resultOf(finding);
  if (result === undefined) return { instance: name, state: "not-run", details: [] };
  if (result.edited.length > 0)
    return { instance: name, state: "edited", details: result.edited.map((path) => `${path}  is not what was made`) };
  const entry = lock.get(name);
  if (entry === undefined) return { instance: name, state: "not-recorded", details: [] };
  if (entry.study !== studyOf(instance, inputs, lock)) {
    return { instance: name, state: "not-recorded", details: ["recorded with other code, params or inputs"] };
  }
  const details: string[] = [];
  const states = instance.outs.map(({ name: out, path, kind }): Comparison["state"] => {
    const content = entry.outs[out];
    const now = result.outs[out]!;
    if (content === contentOf(now)) return "identical";
    const before = content === undefined ? undefined : recordedOut(content, kind);
    const { state, detail }: Comparison =
      before === undefined
        ? { state: "divergent", detail: "it was not recorded" }
        : compareOuts(engine, path, before, now, toleranceOf(instance));
    details.push(`${path}  ${state.replace("-", " ")}: ${detail}`);
    return state;
  });
  if (details.length > 0 && platform !== undefined) {
    const facts = new Map(leavesOf(platform, inputs.facts(platform)));
    for (const [path, value] of leavesOf(platform, entry.platform ?? {})) {
      const now = facts.get(path);
      if (now === undefined || canonical(now) !== canonical(value))
        details.push(`${path}  recorded ${JSON.stringify(value)}, here ${JSON.stringify(now)}`);
    }
  }
  return { instance: name, state: worstOf(states), details };
}

function resultOf(finding: Finding): { readonly outs: Outs; readonly edited: readonly string[] } | undefined {
  if (!("verdict" in finding)) return undefined;
  const { verdict } = finding;
  if (verdict.state === "fresh") return { outs: verdict.outs, edited: [] };
  if (verdict.state !== "restorable") return undefined;
  const edited = verdict.reasons.filter(({ kind, after }) => kind === "artifact" && after === "edited");
  return { outs: verdict.outs, edited: edited.map(({ subject }) => subject) };
}

function recordedOut(content: string, kind: "file" | "directory"): OutResult {
  const digest = content.replace(/\+x$/, "") as Digest;
  return kind === "directory"
    ? { kind, digest, files: 0, bytes: 0 }
    : { kind, digest, executable: content.endsWith("+x"), bytes: 0 };
}

function worstOf(states: readonly Comparison["state"][]): "same" | "within-tolerance" | "differs" {
  if (states.includes("divergent")) return "differs";
  return states.includes("within-tolerance") ? "within-tolerance" : "same";
}

function toleranceOf({ tolerance }: Instance): Tolerance {
  return { ...DEFAULT_TOLERANCE, ...tolerance };
}
