import { readFileSync } from "node:fs";
import { basename, join } from "node:path";
import type { Environment } from "../engine/plan/environment.ts";
import type { ActionRecord } from "../engine/plan/outcome.ts";
import type { Instance, Key, Plan } from "../engine/plan/plan.ts";
import { isPlanFailure } from "../engine/plan/plan-failure.ts";
import { type Engine, inputsOf, openEngine, saveEngine } from "../engine/survey/engine.ts";
import { type Finding, producersOf, survey } from "../engine/survey/survey.ts";
import type { Json } from "../stage.ts";
import { type ClaimsFile, readClaims } from "./claims.ts";
import type { FigureEntry, InstanceEntry, RecordEntry, ReportData, StageEntry, State } from "./data.ts";
import { byFigure } from "./values.ts";

/** Reads what a report tells: outs by where they lie (`figures/*.vl.json`, `claims/*.json`), and the action records. Runs nothing. */
export async function collectReport(
  plan: Plan,
  environment: Environment,
  facts: { readonly when: string; readonly revision: string | undefined },
): Promise<ReportData> {
  const notices: string[] = [];
  const engine = openEngine(plan, environment, new AbortController().signal, (message) => notices.push(message));
  try {
    const inputs = await inputsOf(engine, plan.instances);
    const findings = new Map<string, Finding>();
    if (isPlanFailure(inputs))
      notices.push(`Whether results are up to date could not be found out: ${inputs.message}.`);
    else
      for (const finding of (await survey(engine, inputs, plan.instances)).findings)
        findings.set(finding.instance.name, finding);
    const entries = new Map(
      plan.instances.map((instance) => [
        instance.name as string,
        entryOf(engine, instance, findings.get(instance.name)),
      ]),
    );
    const claims = new Map<string, ClaimsFile>();
    for (const { path } of placed(plan, "claims", ".json")) {
      const text = readText(join(plan.workspace, path));
      const file = text === undefined ? undefined : readClaims(text);
      if (file !== undefined) claims.set(basename(path, ".json"), file);
      else if (text !== undefined) notices.push(`${path} holds no claims.`);
    }
    const figures = placed(plan, "figures", ".vl.json").map(({ path, instance }): FigureEntry => {
      const name = basename(path, ".vl.json");
      const file = join(plan.workspace, path);
      return {
        name,
        instance: instance.name,
        stage: instance.stage,
        state: entries.get(instance.name)!.state,
        spec: readSpec(file),
        svg: readText(file.replace(/\.vl\.json$/, ".svg")),
        claims: claims.get(name),
      };
    });
    const { name = basename(plan.workspace), description } = readPackage(plan.workspace);
    return {
      name,
      description,
      profile: plan.profile,
      ...facts,
      figures: figures.sort((a, b) => byFigure(a.name, b.name)),
      claims: [...claims].sort(([a], [b]) => byFigure(a, b)).map(([, file]) => file),
      stages: stagesOf(plan, entries),
      notices,
    };
  } finally {
    saveEngine(engine);
    engine.store.close();
  }
}

/** Outs directly in a folder below the artifacts, by their names' end. */
export function placed(
  plan: Plan,
  folder: string,
  end: string,
): { readonly path: string; readonly instance: Instance }[] {
  const start = `${plan.artifacts ?? "artifacts"}/${folder}/`;
  return plan.instances.flatMap((instance) =>
    instance.outs
      .filter(({ path }) => path.startsWith(start) && path.endsWith(end) && !path.slice(start.length).includes("/"))
      .map(({ path }) => ({ path, instance })),
  );
}

function entryOf(engine: Engine, instance: Instance, finding: Finding | undefined): InstanceEntry {
  const { name, params } = instance;
  const state = stateOf(finding);
  const now =
    finding !== undefined && "verdict" in finding && "key" in finding.verdict ? finding.verdict.key : undefined;
  const key = state === "fresh" || state === "restorable" ? now : engine.history.get(name)?.key;
  return { name, state, params, record: key === undefined ? undefined : recordOf(engine, key) };
}

function stateOf(finding: Finding | undefined): State {
  if (finding === undefined) return "unknown";
  if (!("verdict" in finding)) return "stale";
  const { state } = finding.verdict;
  return state === "fresh" || state === "restorable" ? state : "stale";
}

function recordOf({ actions }: Engine, key: Key): RecordEntry | undefined {
  const record = actions.get(key);
  if (record === undefined) return undefined;
  const { seconds, when, cpu, outs } = record;
  return {
    key,
    code: ingredients(record, "code")[""] as string | undefined,
    seconds,
    when,
    cpu,
    platform: ingredients(record, "platform"),
    packages: ingredients(record, "package") as Record<string, string>,
    outs: Object.entries(outs).map(([name, { digest, bytes }]) => ({ name, digest, bytes })),
  };
}

export function ingredients({ manifest }: Pick<ActionRecord, "manifest">, wanted: string): Record<string, Json> {
  return Object.fromEntries(manifest.flatMap(([kind, subject, value]) => (kind === wanted ? [[subject, value]] : [])));
}

function stagesOf(plan: Plan, entries: ReadonlyMap<string, InstanceEntry>): StageEntry[] {
  const stages = new Map<string, Instance[]>();
  for (const instance of plan.instances) stages.set(instance.stage, [...(stages.get(instance.stage) ?? []), instance]);
  const stageOf = new Map(plan.instances.map(({ name, stage }) => [name, stage]));
  return [...stages].map(([stage, instances]) => {
    const { action, platform } = instances[0]!;
    const from = instances.flatMap((instance) => producersOf(instance).map((producer) => stageOf.get(producer)!));
    const files = instances.flatMap(({ deps }) => deps.flatMap((dep) => (dep.type === "files" ? dep.patterns : [])));
    return {
      stage,
      action: action.type === "run" ? action.module : action.command,
      platform,
      from: [...new Set(from)],
      files: [...new Set(files)],
      instances: instances.map(({ name }) => entries.get(name)!),
    };
  });
}

function readText(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}

function readSpec(file: string): { readonly [key: string]: Json } | undefined {
  const text = readText(file);
  if (text === undefined) return undefined;
  try {
    const spec = JSON.parse(text) as Json;
    return typeof spec === "object" && spec !== null && !Array.isArray(spec)
      ? (spec as { [key: string]: Json })
      : undefined;
  } catch {
    return undefined;
  }
}

function readPackage(workspace: string): { readonly name?: string; readonly description?: string } {
  try {
    return JSON.parse(readFileSync(join(workspace, "package.json"), "utf8")) as { name?: string; description?: string };
  } catch {
    return {};
  }
}
