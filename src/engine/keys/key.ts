import type { Json } from "../../stage.ts";
import { CACHE_FORMAT } from "../files/store.ts";
import type { Failure } from "../plan/event.ts";
import { type Ingredient, type Manifest, sortManifest } from "../plan/manifest.ts";
import type { Instance, InstanceName, PlannedDep } from "../plan/plan.ts";
import { leavesOf } from "../system/json.ts";
import { isFailure } from "./code-digest.ts";
import type { Inputs } from "./inputs.ts";

/** The content of an out of another instance: `undefined` while it is not known. */
export type Produced = (instance: InstanceName, out: string) => string | undefined;

/** An out whose content is not known yet; it never reaches a key. */
export const UNKNOWN = "unknown";

/**
 * Everything that decides what an action makes. Each ingredient has its reason beside it; docs/engine.md says it at length.
 * Where producers are not known yet, their contents are `UNKNOWN` and the manifest only serves to explain.
 */
export function manifestOf(instance: Instance, inputs: Inputs, produced: Produced): Manifest | Failure {
  const { action, outs, params, env, platform, matrix } = instance;
  const list: Ingredient[] = [];
  const add = (kind: string, subject: string, value: Json): void => {
    list.push([kind, subject, value]);
  };

  // Another layout of records or of this very list must not find the old ones.
  add("format", "", CACHE_FORMAT);
  // A stage may read its own name and its matrix values.
  add("stage", "", instance.stage);
  add("instance", "", instance.name);
  for (const [key, value] of Object.entries(matrix)) add("matrix", key, value);

  if (action.type === "run") {
    const code = inputs.code(action.module);
    if (isFailure(code)) return code;
    // What is hashed is what runs. The module's path is only a name: moving it changes nothing.
    add("code", "", code.digest);
    for (const [name, version] of code.packages) add("package", name, version);
  } else {
    add("command", "", action.command);
  }

  // Leaf by leaf, so that `why` can say which.
  for (const [path, value] of leavesOf("params", params)) add("param", path, value);

  for (const dep of instance.deps) {
    const failure = addDep(dep, inputs, produced, add);
    if (failure !== undefined) return failure;
  }

  for (const { name, path, kind, schema } of outs) {
    // The path reaches the outs' consumers, the schema decides whether there is a result at all.
    add("out-declaration", name, schema === undefined ? { kind, path } : { kind, path, schema });
    if (schema === undefined) continue;
    const files = inputs.schemas(schema);
    if (isFailure(files)) return files;
    for (const file of files) add("schema", file.path, file.digest);
  }

  // Only these reach the action, besides a fixed list of those that decide no result.
  for (const name of env) add("env", name, inputs.env(name) ?? null);

  if (platform !== undefined) {
    // What the machine decides: device, versions. A stage may read all of it.
    for (const [path, value] of leavesOf(platform, inputs.facts(platform))) add("platform", path, value);
  }
  return unique(sortManifest(list));
}

function addDep(
  dep: PlannedDep,
  inputs: Inputs,
  produced: Produced,
  add: (kind: string, subject: string, value: Json) => void,
): Failure | undefined {
  if (dep.type === "files") {
    const paths = inputs.matches(dep.patterns);
    if (paths.length === 0) {
      return {
        reason: "missing-dep",
        message: `no file matches the dep "${dep.name}" (${dep.patterns.join(", ")})`,
        remedy: "correct its `files:` in pipeline.yaml, or bring the file back",
        output: [],
      };
    }
    // The names and their order reach the stage; the patterns do not.
    add("dep-declaration", dep.name, paths);
    for (const path of paths) {
      const state = inputs.file(path);
      add("file", path, state === undefined ? null : state.executable ? `${state.digest}+x` : state.digest);
    }
    return undefined;
  }
  const from: Json[] = [];
  for (const { instance, out } of dep.from) {
    const found = inputs.out(instance, out);
    if (found === undefined) throw new Error(`the plan has no out ${instance}.${out}`);
    // By content, never by the producer's key: an upstream that made the same bytes again changes nothing here.
    add("dep", `${instance}.${out}`, produced(instance, out) ?? UNKNOWN);
    from.push({ instance, matrix: found.producer.matrix, out, path: found.planned.path });
  }
  add("dep-declaration", dep.name, { each: dep.each, from });
  return undefined;
}

/** Two deps may share a file, two outs a schema: once is enough. */
function unique(manifest: Manifest): Manifest {
  for (let i = 1; i < manifest.length; i++) {
    if (isSame(manifest[i]!, manifest[i - 1]!))
      return manifest.filter((each, at) => at === 0 || !isSame(each, manifest[at - 1]!));
  }
  return manifest;
}

function isSame(a: Ingredient, b: Ingredient): boolean {
  return a[1] === b[1] && a[0] === b[0];
}
