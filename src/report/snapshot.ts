import { contentOf, type Outs } from "../engine/plan/outcome.ts";
import type { Digest, InstanceName, Key, Plan } from "../engine/plan/plan.ts";
import type { PipelineLock } from "../engine/run/pipeline-lock.ts";
import type { Engine } from "../engine/survey/engine.ts";
import type { Finding } from "../engine/survey/survey.ts";
import type { Json } from "../stage.ts";
import { ingredients } from "./collect.ts";

/** One file or folder of results, at one time. */
export interface SnapshotOut {
  readonly path: string;
  readonly instance: string;
  /** Its content: a digest, `+x` where executable. */
  readonly content: string;
  /** The stage that makes it has changed since: it is what was made last. */
  readonly stale: boolean;
}

/** Results by path. */
export type Snapshot = ReadonlyMap<string, SnapshotOut>;

/** What a revision's pipeline.lock recorded. Paths are those of the action records, or the present ones where a record is gone. */
export function recordedSnapshot(lock: PipelineLock, plan: Plan, engine: Engine): Snapshot {
  const present = pathsOf(plan);
  const outs: SnapshotOut[] = [];
  for (const [instance, { key, outs: contents }] of lock) {
    const declared = declaredPaths(engine, key);
    for (const [name, content] of Object.entries(contents)) {
      const path = declared.get(name) ?? present.get(`${instance}\0${name}`);
      if (path !== undefined) outs.push({ path, instance, content, stale: false });
    }
  }
  return byPath(outs);
}

/** What is here: of instances that are up to date, or what they gave last. */
export function presentSnapshot(plan: Plan, engine: Engine, findings: readonly Finding[]): Snapshot {
  const outs: SnapshotOut[] = [];
  const verdicts = new Map(findings.map((finding) => [finding.instance.name, finding]));
  for (const instance of plan.instances) {
    const now = currentOuts(verdicts.get(instance.name));
    const last: Outs = now ?? engine.history.get(instance.name)?.outs ?? {};
    for (const { name, path } of instance.outs) {
      const out = last[name];
      if (out !== undefined)
        outs.push({ path, instance: instance.name, content: contentOf(out), stale: now === undefined });
    }
  }
  return byPath(outs);
}

/** The bytes of a file out, or `undefined` where this cache does not have them. */
export function bytesOf({ cas }: Engine, { content }: SnapshotOut): Buffer | undefined {
  const bytes = cas.read(content.replace(/\+x$/, "") as Digest);
  return typeof bytes === "string" ? undefined : bytes;
}

function currentOuts(finding: Finding | undefined): Outs | undefined {
  if (finding === undefined || !("verdict" in finding)) return undefined;
  const { verdict } = finding;
  return verdict.state === "fresh" || verdict.state === "restorable" ? verdict.outs : undefined;
}

function declaredPaths({ actions }: Engine, key: Key): Map<string, string> {
  const record = actions.get(key);
  const declared = record === undefined ? {} : ingredients(record, "out-declaration");
  return new Map(
    Object.entries(declared).map(([name, value]) => [name, (value as { readonly path: Json }).path as string]),
  );
}

function pathsOf(plan: Plan): Map<string, string> {
  return new Map(
    plan.instances.flatMap(({ name, outs }) =>
      outs.map((out) => [`${name as InstanceName}\0${out.name}`, out.path] as const),
    ),
  );
}

function byPath(outs: readonly SnapshotOut[]): Snapshot {
  return new Map(outs.map((out) => [out.path, out]));
}
