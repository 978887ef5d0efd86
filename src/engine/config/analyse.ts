import type { Json } from "../../stage.ts";
import { expandFiles } from "../files/files.ts";
import type { Instance, Plan, PlannedPlatform, RemoteOptions } from "../plan/plan.ts";
import { SECRET_PREFIX } from "../remote/secrets.ts";
import { explainIo } from "../system/io-error.ts";
import { suggest } from "../system/suggest.ts";
import { cleanPath, type Mapping, mapping, strings, text } from "./declared.ts";
import type { Report, Source } from "./diagnostic.ts";
import { createEvaluator, type Evaluator } from "./evaluator.ts";
import { executorOf } from "./executor-declared.ts";
import { isMapping } from "./expression.ts";
import { findCycles, topologicalOrder } from "./graph.ts";
import { type DepView, type FilePatterns, instancesOf, type StageView } from "./instances.ts";
import { joinDep, type Producers, parseReference } from "./joins.ts";
import { expandMatrices } from "./matrix.ts";
import { checkModule } from "./modules.ts";
import { checkInputs, checkOverlaps, checkSchemas, type OwnedOut } from "./outs.ts";
import { reportUnusedParams, resolveParams } from "./params.ts";
import { reservedAt } from "./reserved.ts";
import { validate } from "./schema.ts";
import { type Path, parseSource, type Tree } from "./source.ts";

/** A plan, and what of the file system it rests on: files that exist, patterns that match something. */
export interface Analysis {
  readonly plan: Plan;
  readonly files: readonly string[];
  readonly patterns: readonly (readonly string[])[];
}

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
  report.closePlaces();
  validate(tree, report);
  report.closePlaces();
  const root = mapping(tree.value);
  const { profile, line, params } = resolveParams(tree, options.profile, options.set ?? [], report);
  refuseSecrets(tree, report);
  const executor = executorOf(tree, line, report);
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
  } else if (reservedAt(artifacts) !== undefined) {
    const remedy = "name a folder of the study's own";
    const message = `\`${reservedAt(artifacts)}\` is not a place for outs`;
    report.error("reserved-out", tree.valueAt(["artifacts"]), message, remedy);
  }
  checkFile(root.doctor, ["doctor"]);
  const platforms: PlannedPlatform[] = [];
  for (const [name, declared] of Object.entries(mapping(root.platforms))) {
    const { run, env } = mapping(declared);
    checkFile(run, ["platforms", name, "run"]);
    if (typeof run === "string") platforms.push({ name, module: cleanPath(run), env: strings(env) });
  }

  const stages = new Map(Object.entries(mapping(root.stages)).map(([name, raw]) => [name, mapping(raw)]));
  const matrices = expandMatrices(stages, evaluator);
  const outNames = new Map([...stages].map(([name, { outs }]) => [name, Object.keys(mapping(outs))]));
  const producers: Producers = { matrices, outs: outNames };
  const views = [...stages].map(([name, raw]) => viewOf(name, raw, producers, evaluator));
  reportCycles(views, evaluator);

  const owned: OwnedOut[] = [];
  const made = new Map<string, Instance[]>();
  const patterns = new Map<string, FilePatterns>();
  for (const view of views) {
    checkFile(view.raw.run, ["stages", view.name, "run"]);
    files.push(...checkSchemas(view.name, mapping(view.raw.outs), workspace, evaluator));
    checkPlatform(view, platforms, evaluator);
    made.set(view.name, instancesOf(view, artifacts, evaluator, owned, patterns));
  }
  checkOverlaps(owned, matrices, evaluator);
  const inputs = new Map(files.map((file) => [cleanPath(file), "a module or schema of this pipeline"]));
  for (const { patterns: list, path } of patterns.values()) {
    try {
      const found = await expandFiles(folder, list);
      for (const file of found) inputs.set(cleanPath(file), "a file that stages read");
      if (found.length > 0) continue;
    } catch (error) {
      const problem = explainIo(error, "looking for it");
      if (problem === undefined) throw error;
      report.error("unreadable-file", tree.valueAt(path), problem.message, problem.remedy);
      continue;
    }
    const message = `no file matches ${list.map((pattern) => `\`${pattern}\``).join(", ")}`;
    const inArtifacts = list.some((pattern) => pattern.startsWith(`${artifacts}/`));
    const remedy = inArtifacts
      ? "outs are deps by name: stage.out"
      : "patterns start from the workspace's folder, where pipeline.yaml is";
    report.error("no-such-file", tree.valueAt(path), message, remedy);
  }
  checkInputs(owned, inputs, evaluator);
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
    ...(doctor === undefined ? {} : { doctor: cleanPath(doctor) }),
    ...executor,
    ...(root.remote === undefined ? {} : { remote: root.remote as RemoteOptions }),
    platforms,
    instances: order.flatMap((name) => made.get(name)!),
  };
  return { plan, files: [...new Set(files)], patterns: [...patterns.values()].map((entry) => entry.patterns) };
}

/** What opens the remote cache would be in keys and in children, were it declared. */
function refuseSecrets(tree: Tree, report: Report): void {
  for (const group of ["platforms", "stages"]) {
    for (const [name, declared] of Object.entries(mapping(mapping(tree.value)[group]))) {
      for (const [index, variable] of strings(mapping(declared).env).entries()) {
        if (!variable.startsWith(SECRET_PREFIX)) continue;
        const message = `\`${variable}\` is for the remote cache alone: no stage and no platform is given it`;
        report.error("secret-variable", tree.valueAt([group, name, "env", index]), message, "remove it");
      }
    }
  }
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
