import { expandFiles, hasMagic } from "../files/files.ts";
import type { Sightings } from "../files/sightings.ts";
import type { FileState, StatIndex } from "../files/stat-index.ts";
import type { Environment } from "../plan/environment.ts";
import type { Failure } from "../plan/event.ts";
import type { Instance, InstanceName, Plan, PlannedOut } from "../plan/plan.ts";
import type { Code, CodeReader } from "./code-digest.ts";
import type { Facts } from "./facts.ts";
import { readSchemas, type SchemaFile } from "./schema-files.ts";

/** What decides results and does not come from another action, read once for a whole run. */
export interface Inputs {
  code(module: string): Code | Failure;
  /** The files that a `{ files: … }` dep matches now. */
  matches(patterns: readonly string[]): readonly string[];
  file(path: string): FileState | undefined;
  /** A schema and the schemas it refers to. */
  schemas(name: string): readonly SchemaFile[] | Failure;
  facts(platform: string): Facts;
  env(name: string): string | undefined;
  out(instance: InstanceName, out: string): { readonly producer: Instance; readonly planned: PlannedOut } | undefined;
  /** Looks again at the files of an instance, which may have been edited since; says whether one was. */
  refresh(instance: Instance): Promise<boolean>;
}

export interface Sources {
  readonly plan: Plan;
  readonly instances: readonly Instance[];
  readonly files: StatIndex;
  readonly code: CodeReader;
  readonly environment: Environment;
  readonly facts: ReadonlyMap<string, Facts>;
  readonly sightings?: Sightings | undefined;
}

export async function readInputs({
  plan,
  instances,
  files,
  code,
  environment,
  facts,
  sightings,
}: Sources): Promise<Inputs> {
  const { workspace, artifacts } = plan;
  const codes = new Map<string, Code | Failure>();
  const matched = new Map<string, readonly string[]>();
  const states = new Map<string, FileState | undefined>();
  const schemas = new Map<string, readonly SchemaFile[] | Failure>();
  const byName = new Map(plan.instances.map((instance) => [instance.name, instance]));

  const once = <T>(
    keys: Iterable<string>,
    into: Map<string, T>,
    read: (key: string) => Promise<T>,
  ): Promise<unknown> => {
    return Promise.all([...new Set(keys)].map(async (key) => into.set(key, await read(key))));
  };
  const patternsOf = (instance: Instance): (readonly string[])[] =>
    instance.deps.flatMap((dep) => (dep.type === "files" ? [dep.patterns] : []));
  const idOf = (patterns: readonly string[]): string => JSON.stringify(patterns);
  const expand = (id: string): Promise<string[]> =>
    expandFiles({ workspace, artifacts, sightings }, JSON.parse(id) as string[]);

  await Promise.all([
    once(
      instances.flatMap(({ action }) => (action.type === "run" ? [action.module] : [])),
      codes,
      (module) => code.read(module),
    ),
    once(
      instances.flatMap(({ outs }) => outs.flatMap(({ schema }) => (schema === undefined ? [] : [schema]))),
      schemas,
      (name) => readSchemas(workspace, name, files),
    ),
    once(instances.flatMap(patternsOf).map(idOf), matched, expand).then(() =>
      once([...matched.values()].flat(), states, (path) => files.digest(path)),
    ),
  ]);

  return {
    code: (module) => codes.get(module)!,
    matches: (patterns) => matched.get(idOf(patterns)) ?? [],
    file: (path) => states.get(path),
    schemas: (name) => schemas.get(name)!,
    facts: (platform) => facts.get(platform) ?? {},
    env(name) {
      sightings?.variable(name, environment[name]);
      return environment[name];
    },
    out(instance, out) {
      const producer = byName.get(instance);
      const planned = producer?.outs.find(({ name }) => name === out);
      return producer && planned && { producer, planned };
    },
    async refresh(instance) {
      let edited = false;
      for (const patterns of patternsOf(instance)) {
        const now = await expand(idOf(patterns));
        if (now.join("\0") !== matched.get(idOf(patterns))?.join("\0")) edited = true;
        matched.set(idOf(patterns), now);
        for (const path of now) {
          const before = states.get(path);
          if (before !== undefined && files.glance(path)?.stamp === before.stamp) continue;
          const after = await files.digest(path);
          states.set(path, after);
          if (after?.digest !== before?.digest || after?.executable !== before?.executable) edited = true;
        }
      }
      return edited;
    },
  };
}

/** A stage sees one file where one plain path is declared, else a list. */
export function isSingleFile(patterns: readonly string[]): boolean {
  return patterns.length === 1 && !hasMagic(patterns[0]!);
}
