import type { Json } from "../../stage.ts";
import type { Instance, PlannedAction, PlannedDep, Tolerance } from "../plan/plan.ts";
import { parseDuration, TRANSIENT } from "../plan/retry.ts";
import { suggest } from "../system/suggest.ts";
import { cleanPath, type Mapping, mapping, strings, text } from "./declared.ts";
import { positionOf } from "./diagnostic.ts";
import type { Evaluator } from "./evaluator.ts";
import { describe } from "./expression.ts";
import type { Join } from "./joins.ts";
import { instanceName, type StageMatrix } from "./matrix.ts";
import { type OwnedOut, planOuts } from "./outs.ts";
import { resourcesOf } from "./resources-declared.ts";
import type { Path } from "./source.ts";
import { workOf } from "./work.ts";

/** What is known of one stage before its instances are made. */
export interface StageView {
  readonly name: string;
  readonly raw: Mapping;
  readonly matrix: StageMatrix | undefined;
  readonly deps: readonly DepView[];
}

export type DepView =
  | { readonly type: "out"; readonly name: string; readonly stage: string; readonly joins: readonly Join[] | undefined }
  | { readonly type: "files"; readonly name: string; readonly declared: Json; readonly path: Path };

/** The patterns of one `{ files: … }` dep, and where they stand. */
export interface FilePatterns {
  readonly patterns: readonly string[];
  readonly path: Path;
}

/** The instances of one stage. Where something is wrong with one of them, it is left out. */
export function instancesOf(
  view: StageView,
  artifacts: string,
  evaluator: Evaluator,
  owned: OwnedOut[],
  patterns: Map<string, FilePatterns>,
): Instance[] {
  const { name, raw, matrix } = view;
  const path = ["stages", name];
  const declaredOuts = mapping(raw.outs);
  const position = positionOf(evaluator.tree.keyAt(path));
  const env = strings(raw.env);
  const later = { dep: Object.keys(mapping(raw.deps)), out: Object.keys(declaredOuts) };
  const reads = accessPaths(raw, "reads", env, path, evaluator);
  const writes = accessPaths(raw, "writes", env, path, evaluator);
  const batch = batchOf(raw, path, evaluator);
  const timing = timingOf(raw, path, evaluator);
  const instances: Instance[] = [];
  if (matrix === undefined) {
    // A stage whose matrix is wrong is read once all the same, with its variables unknown: its other slips are told too.
    const unknown = Object.fromEntries(Object.keys(mapping(raw.matrix)).map((key) => [key, null]));
    if (!("of" in unknown)) {
      actionOf(raw, unknown, later, path, evaluator);
      evaluator.json(mapping(raw.params), [...path, "params"], { variables: unknown });
    }
    return [];
  }
  for (const [index, row] of matrix.rows.entries()) {
    const action = actionOf(raw, row, later, path, evaluator);
    const params = evaluator.json(mapping(raw.params), [...path, "params"], { variables: row });
    const outs = planOuts(name, declaredOuts, row, artifacts, evaluator);
    for (const out of outs ?? []) owned.push({ out, stage: name, row });
    const deps: PlannedDep[] = [];
    for (const dep of view.deps) {
      if (dep.type === "out") {
        const join = dep.joins?.[index];
        if (join) deps.push({ type: "out", name: dep.name, each: join.each, from: join.from });
        continue;
      }
      const list = patternsOf(dep.declared, dep.path, row, evaluator);
      if (list === undefined) continue;
      deps.push({ type: "files", name: dep.name, patterns: list });
      const identity = JSON.stringify([dep.path, list]);
      if (!patterns.has(identity)) patterns.set(identity, { patterns: list, path: dep.path });
    }
    if (action === undefined || params === undefined || outs === undefined) continue;
    const platform = text(raw.platform);
    const resources = resourcesOf(raw.resources, [...path, "resources"], row, evaluator);
    const work = workOf(raw.work, [...path, "work"], row, evaluator);
    instances.push({
      name: instanceName(name, row),
      stage: name,
      matrix: row,
      action,
      deps,
      outs,
      params,
      env,
      platform,
      reads,
      ...(writes.length === 0 ? {} : { writes }),
      ...(raw.tolerance === undefined ? {} : { tolerance: raw.tolerance as Partial<Tolerance> }),
      ...(resources === undefined ? {} : { resources }),
      ...(work === undefined ? {} : { work }),
      ...(batch === undefined ? {} : { batch }),
      ...(raw.resume === true ? { resume: true } : {}),
      ...timing,
      position,
    });
  }
  return instances;
}

/** A process has a command line of finite length: all deps and outs of a batch stand in it. */
const MAX_BATCH = 256;

function batchOf(raw: Mapping, path: Path, { tree, report }: Evaluator): { max: number } | undefined {
  if (raw.batch === undefined || raw.batch === false) return undefined;
  const place = tree.keyAt([...path, "batch"]);
  if (raw.cmd !== undefined) {
    const remedy = "remove it, or write the stage as a module: run: path/to/module.ts";
    report.error("batch-of-command", place, "a command runs one instance: `batch` is for `run:` stages", remedy);
  } else if (raw.matrix === undefined) {
    report.error("no-matrix", place, "a stage without a matrix has one instance", "remove `batch`, or add a matrix");
  }
  const { max } = mapping(raw.batch);
  return { max: typeof max === "number" ? Math.min(max, MAX_BATCH) : MAX_BATCH };
}

function timingOf(raw: Mapping, path: Path, { tree, report }: Evaluator): Pick<Instance, "retries" | "timeout"> {
  const seconds = (value: Json | undefined, at: Path): number | undefined => {
    if (typeof value !== "number" && typeof value !== "string") return undefined;
    const parsed = parseDuration(value);
    const remedy = "seconds, or a duration such as 90s, 30m or 1h30m";
    if (parsed === undefined)
      report.error("wrong-value", tree.valueAt([...path, ...at]), `${describe(value)} is no duration`, remedy);
    return parsed;
  };
  const timeout = seconds(raw.timeout, ["timeout"]);
  if (timeout === 0) {
    const remedy = "remove it where the stage may take as long as it likes";
    report.error("wrong-value", tree.valueAt([...path, "timeout"]), "no time is too little", remedy);
  }
  const { times, on, delay } = mapping(raw.retries);
  const wanted = (Array.isArray(on) ? on : []) as readonly Json[];
  for (const [index, reason] of wanted.entries()) {
    if (typeof reason === "number" && (reason < 1 || reason > 255)) {
      const place = tree.valueAt([...path, "retries", "on", index]);
      report.error(
        "wrong-value",
        place,
        `no failure has the exit code ${reason}`,
        "exit codes of failures are 1 to 255",
      );
    }
    if (typeof reason !== "string" || TRANSIENT.includes(reason)) continue;
    const place = tree.valueAt([...path, "retries", "on", index]);
    report.error("unknown-reason", place, `no failure is called \`${reason}\``, suggest(reason, TRANSIENT, "reasons"));
  }
  return {
    ...(timeout === undefined ? {} : { timeout }),
    ...(typeof times !== "number"
      ? {}
      : {
          retries: { times, on: wanted as (string | number)[], delay: seconds(delay, ["retries", "delay"]) ?? 1 },
        }),
  };
}

function actionOf(
  raw: Mapping,
  row: Mapping,
  later: { readonly dep: readonly string[]; readonly out: readonly string[] },
  path: Path,
  evaluator: Evaluator,
): PlannedAction | undefined {
  if (typeof raw.run === "string") return { type: "run", module: cleanPath(raw.run) };
  if (typeof raw.cmd !== "string") return undefined;
  const command = evaluator.text(raw.cmd, [...path, "cmd"], { variables: row, later });
  return command === undefined ? undefined : { type: "cmd", command: String(command) };
}

/** `${env.NAME}` stays as it is: the value is the run's, not the plan's. */
function accessPaths(
  raw: Mapping,
  key: "reads" | "writes",
  env: readonly string[],
  path: Path,
  evaluator: Evaluator,
): string[] {
  return strings(raw[key]).flatMap((entry, index) => {
    const value = evaluator.text(entry, [...path, key, index], { variables: {}, later: { env } });
    return value === undefined ? [] : [String(value)];
  });
}

function patternsOf(declared: Json, path: Path, row: Mapping, evaluator: Evaluator): string[] | undefined {
  const { tree, report } = evaluator;
  const list = Array.isArray(declared) ? strings(declared) : strings([declared]);
  if (list.length === 0) return undefined;
  const patterns: string[] = [];
  for (const [index, entry] of list.entries()) {
    const at = Array.isArray(declared) ? [...path, index] : path;
    const value = evaluator.text(entry, at, { variables: row });
    if (value === undefined) return undefined;
    const pattern = cleanPath(String(value));
    if (/^(!?\/|!?[A-Za-z]:)/.test(pattern) || /(^|\/)\.\.(\/|$)/.test(pattern)) {
      const remedy = "deps on files are relative to the workspace and stay inside; `reads:` is for what is outside";
      report.error("escaping-files", tree.valueAt(at), `\`${pattern}\` leads out of the workspace`, remedy);
      return undefined;
    }
    patterns.push(pattern);
  }
  return patterns;
}
