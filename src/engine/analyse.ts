import { readdirSync, statSync } from "node:fs";
import { dirname, join, posix } from "node:path";
import type { Json } from "../stage.ts";
import { positionOf, type Report, type Source } from "./diagnostic.ts";
import { createEvaluator, type Evaluator } from "./evaluator.ts";
import { isMapping } from "./expression.ts";
import { expandFiles } from "./files.ts";
import { findCycles, topologicalOrder } from "./graph.ts";
import { type Join, joinDep, type Producers, parseReference } from "./joins.ts";
import { expandMatrices, instanceName, type StageMatrix } from "./matrix.ts";
import { checkOverlaps, checkSchemas, type OwnedOut, planOuts } from "./outs.ts";
import { reportUnusedParams, resolveParams } from "./params.ts";
import type { Instance, Plan, PlannedAction, PlannedDep, PlannedPlatform } from "./plan.ts";
import { validate } from "./schema.ts";
import { type Path, parseSource } from "./source.ts";
import { suggest } from "./suggest.ts";

/** A plan, and what of the file system it rests on: files that exist, patterns that match something. */
export interface Analysis {
  readonly plan: Plan;
  readonly files: readonly string[];
  readonly patterns: readonly (readonly string[])[];
}

type Mapping = { readonly [key: string]: Json };

/** What is known of one stage before its instances are made. */
interface StageView {
  readonly name: string;
  readonly raw: Mapping;
  readonly matrix: StageMatrix | undefined;
  readonly deps: readonly DepView[];
}

type DepView =
  | { readonly type: "out"; readonly name: string; readonly stage: string; readonly joins: readonly Join[] | undefined }
  | { readonly type: "files"; readonly name: string; readonly declared: Json; readonly path: Path };

/**
 * Makes the plan that a pipeline.yaml declares. Whatever is wrong goes to the report, all of it; the plan is `undefined`
 * when there are errors.
 */
export async function analyse(
  source: Source,
  workspace: string,
  options: { readonly profile?: string; readonly set?: readonly string[] },
  report: Report,
): Promise<Analysis | undefined> {
  const tree = parseSource(source, report);
  if (tree === undefined) return undefined;
  validate(tree, report);
  const root = mapping(tree.value);
  const { profile, params } = resolveParams(tree, options.profile, options.set ?? [], report);
  const evaluator = createEvaluator(tree, params, report);
  const artifacts = (text(root.artifacts) ?? "artifacts").replace(/\/+$/, "");
  const folder = { workspace, artifacts };
  const files: string[] = [];
  const checkFile = (file: Json | undefined, path: Path): void => {
    if (typeof file === "string" && checkModule(file, path, workspace, evaluator)) files.push(file);
  };

  if (artifacts.split("/").includes("..")) {
    const remedy = "name a folder below the workspace";
    report.error("escaping-out", tree.valueAt(["artifacts"]), `\`${artifacts}\` leads out of the workspace`, remedy);
  }
  checkFile(root.doctor, ["doctor"]);
  const platforms: PlannedPlatform[] = [];
  for (const [name, declared] of Object.entries(mapping(root.platforms))) {
    const { run, env } = mapping(declared);
    checkFile(run, ["platforms", name, "run"]);
    if (typeof run === "string") platforms.push({ name, module: clean(run), env: strings(env) });
  }

  const stages = new Map(Object.entries(mapping(root.stages)).map(([name, raw]) => [name, mapping(raw)]));
  const matrices = expandMatrices(stages, evaluator);
  const outNames = new Map([...stages].map(([name, { outs }]) => [name, Object.keys(mapping(outs))]));
  const producers: Producers = { matrices, outs: outNames };
  const views = [...stages].map(([name, raw]) => viewOf(name, raw, producers, evaluator));
  reportCycles(views, evaluator);

  const owned: OwnedOut[] = [];
  const made = new Map<string, Instance[]>();
  const patterns = new Map<string, { readonly patterns: readonly string[]; readonly path: Path }>();
  for (const view of views) {
    checkFile(view.raw.run, ["stages", view.name, "run"]);
    files.push(...checkSchemas(view.name, mapping(view.raw.outs), workspace, evaluator));
    checkPlatform(view, platforms, evaluator);
    made.set(view.name, instancesOf(view, artifacts, evaluator, owned, patterns));
  }
  checkOverlaps(owned, matrices, evaluator);
  for (const { patterns: list, path } of patterns.values()) {
    if ((await expandFiles(folder, list)).length > 0) continue;
    const message = `no file matches ${list.map((pattern) => `\`${pattern}\``).join(", ")}`;
    const inArtifacts = list.some((pattern) => pattern.startsWith(`${artifacts}/`));
    const remedy = inArtifacts
      ? "outs are deps by name: stage.out"
      : "patterns start from the workspace's folder, where pipeline.yaml is";
    report.error("no-such-file", tree.valueAt(path), message, remedy);
  }
  if (report.hasErrors()) return undefined;
  // What a mistyped name leaves unused would be a second complaint about the same slip.
  reportUnusedParams(tree, evaluator.used, report);
  reportUnusedPlatforms(platforms, views, evaluator);

  const order = topologicalOrder(new Map(views.map((view) => [view.name, needsOf(view)])));
  const doctor = text(root.doctor);
  const plan: Plan = {
    workspace,
    profile,
    artifacts,
    profiles: Object.keys(mapping(root.profiles)),
    ...(doctor === undefined ? {} : { doctor: clean(doctor) }),
    platforms,
    instances: order.flatMap((name) => made.get(name)!),
  };
  return { plan, files: [...new Set(files)], patterns: [...patterns.values()].map((entry) => entry.patterns) };
}

function viewOf(name: string, raw: Mapping, producers: Producers, evaluator: Evaluator): StageView {
  const matrix = producers.matrices.get(name);
  const deps: DepView[] = [];
  for (const [dep, declared] of Object.entries(mapping(raw.deps))) {
    const path = ["stages", name, "deps", dep];
    if (isMapping(declared)) {
      if (declared.files !== undefined)
        deps.push({ type: "files", name: dep, declared: declared.files, path: [...path, "files"] });
    } else if (typeof declared === "string" && declared !== "") {
      const reference = parseReference(declared, path, producers, evaluator);
      if (reference === undefined) continue;
      const producer = producers.matrices.get(reference.stage);
      const joins = matrix && producer && joinDep(reference, path, { stage: name, matrix }, producer, evaluator);
      deps.push({ type: "out", name: dep, stage: reference.stage, joins });
    }
  }
  return { name, raw, matrix, deps };
}

function needsOf(view: StageView): Set<string> {
  return new Set(view.deps.flatMap((dep) => (dep.type === "out" ? [dep.stage] : [])));
}

function reportCycles(views: readonly StageView[], { tree, report }: Evaluator): void {
  for (const cycle of findCycles(new Map(views.map((view) => [view.name, needsOf(view)])))) {
    const view = views.find(({ name }) => name === cycle[0])!;
    const dep = view.deps.find((candidate) => candidate.type === "out" && candidate.stage === cycle[1])!;
    const message =
      cycle.length === 2
        ? `stage \`${cycle[0]}\` needs itself`
        : `stages need each other in a circle: ${cycle.join(" → ")}`;
    report.error("cycle", tree.valueAt(["stages", view.name, "deps", dep.name]), message, "remove one of these deps");
  }
}

/** The instances of one stage. Where something is wrong with one of them, it is left out. */
function instancesOf(
  view: StageView,
  artifacts: string,
  evaluator: Evaluator,
  owned: OwnedOut[],
  patterns: Map<string, { readonly patterns: readonly string[]; readonly path: Path }>,
): Instance[] {
  const { name, raw, matrix } = view;
  const path = ["stages", name];
  const declaredOuts = mapping(raw.outs);
  const position = positionOf(evaluator.tree.keyAt(path));
  const env = strings(raw.env);
  const later = { dep: Object.keys(mapping(raw.deps)), out: Object.keys(declaredOuts) };
  const reads = readsOf(raw, env, path, evaluator);
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
      position,
    });
  }
  return instances;
}

function actionOf(
  raw: Mapping,
  row: Mapping,
  later: { readonly dep: readonly string[]; readonly out: readonly string[] },
  path: Path,
  evaluator: Evaluator,
): PlannedAction | undefined {
  if (typeof raw.run === "string") return { type: "run", module: clean(raw.run) };
  if (typeof raw.cmd !== "string") return undefined;
  const command = evaluator.text(raw.cmd, [...path, "cmd"], { variables: row, later });
  return command === undefined ? undefined : { type: "cmd", command: String(command) };
}

/** `${env.NAME}` stays as it is: the value is the run's, not the plan's. */
function readsOf(raw: Mapping, env: readonly string[], path: Path, evaluator: Evaluator): string[] {
  return strings(raw.reads).flatMap((entry, index) => {
    const value = evaluator.text(entry, [...path, "reads", index], { variables: {}, later: { env } });
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
    const pattern = clean(String(value));
    if (/^(!?\/|!?[A-Za-z]:)/.test(pattern) || /(^|\/)\.\.(\/|$)/.test(pattern)) {
      const remedy = "deps on files are relative to the workspace and stay inside; `reads:` is for what is outside";
      report.error("escaping-files", tree.valueAt(at), `\`${pattern}\` leads out of the workspace`, remedy);
      return undefined;
    }
    patterns.push(pattern);
  }
  return patterns;
}

function checkPlatform(
  { name, raw }: StageView,
  platforms: readonly PlannedPlatform[],
  { tree, report }: Evaluator,
): void {
  const platform = text(raw.platform);
  const known = platforms.map((candidate) => candidate.name);
  if (platform === undefined || known.includes(platform)) return;
  const place = tree.valueAt(["stages", name, "platform"]);
  report.error(
    "unknown-platform",
    place,
    `there is no platform \`${platform}\``,
    suggest(platform, known, "platforms"),
  );
}

function reportUnusedPlatforms(
  platforms: readonly PlannedPlatform[],
  views: readonly StageView[],
  { tree, report }: Evaluator,
): void {
  for (const { name } of platforms) {
    if (views.some(({ raw }) => raw.platform === name)) continue;
    const place = tree.keyAt(["platforms", name]);
    report.warning(
      "unused-platform",
      place,
      `no stage names the platform \`${name}\``,
      "remove it, or name it in a stage",
    );
  }
}

/** Whether a module of the workspace exists; reports it when not. */
function checkModule(file: string, path: Path, workspace: string, { tree, report }: Evaluator): boolean {
  if (file === "") return false; // The schema has said so.
  const place = tree.valueAt(path);
  const normal = clean(file);
  if (posix.isAbsolute(normal) || normal.split("/").includes("..")) {
    report.error(
      "escaping-module",
      place,
      `\`${file}\` is not in the workspace`,
      "give a path relative to pipeline.yaml",
    );
    return false;
  }
  if (file.includes("${")) {
    report.error(
      "misplaced-expression",
      place,
      "a module's path is written out",
      "hand what differs to it under `params:`",
    );
    return false;
  }
  if (statSync(join(workspace, normal), { throwIfNoEntry: false })?.isFile()) return true;
  report.error("missing-module", place, `there is no file \`${normal}\``, suggestFile(normal, workspace));
  return false;
}

function suggestFile(file: string, workspace: string): string {
  const folder = dirname(file);
  let siblings: string[];
  try {
    siblings = readdirSync(join(workspace, folder));
  } catch {
    return `there is no folder \`${folder}\` either; paths are relative to pipeline.yaml`;
  }
  const known = siblings.filter((name) => /\.[cm]?[jt]sx?$/.test(name)).map((name) => posix.join(folder, name));
  return suggest(file, known, "modules");
}

function clean(path: string): string {
  const negated = path.startsWith("!") ? "!" : "";
  return negated + posix.normalize(path.slice(negated.length));
}

function mapping(value: Json | undefined): Mapping {
  return isMapping(value) ? value : {};
}

function text(value: Json | undefined): string | undefined {
  return typeof value === "string" ? value : undefined;
}

function strings(value: Json | undefined): string[] {
  return Array.isArray(value) ? (value as readonly Json[]).filter((item) => typeof item === "string") : [];
}
