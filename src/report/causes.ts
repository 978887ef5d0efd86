import { isFailure } from "../engine/keys/code-digest.ts";
import { differences } from "../engine/keys/explain.ts";
import type { Inputs } from "../engine/keys/inputs.ts";
import { manifestOf, type Produced } from "../engine/keys/key.ts";
import type { Reason } from "../engine/plan/event.ts";
import type { Instance, InstanceName } from "../engine/plan/plan.ts";
import type { PipelineLock } from "../engine/run/pipeline-lock.ts";
import { rootCauses } from "../engine/run/root-causes.ts";
import type { Engine } from "../engine/survey/engine.ts";
import { reason } from "../engine/survey/examine.ts";
import { producersOf } from "../engine/survey/survey.ts";
import type { RevisionFacts } from "./compare-revision.ts";
import { git } from "./revision.ts";

export interface CausesOptions {
  readonly engine: Engine;
  readonly inputs: Inputs;
  readonly produced: Produced;
  readonly lock: PipelineLock;
  /** Instances that are asked something else than the revision's were. */
  readonly affected: ReadonlySet<string>;
  readonly revision: RevisionFacts;
}

/** What the machine decides is no part of a change under review. */
const OF_MACHINES: ReadonlySet<string> = new Set(["platform", "env", "format"]);

/**
 * Why an instance gives something else than a revision recorded, at the root. The revision's action records tell it value by
 * value; where one is in no cache, git tells which source files changed.
 */
export function openCauses({
  engine,
  inputs,
  produced,
  lock,
  affected,
  revision,
}: CausesOptions): (instance: string) => readonly Reason[] {
  const instances = new Map<string, Instance>(engine.plan.instances.map((instance) => [instance.name, instance]));
  const told = new Map<string, readonly Reason[]>();
  let changed: ReadonlySet<string> | undefined;

  /** The source files of what runs now that git sees changed. */
  const changedSources = ({ action }: Instance): Reason[] => {
    const code = action.type === "run" ? inputs.code(action.module) : undefined;
    if (code === undefined || isFailure(code)) return [];
    changed ??= changedFiles(engine.plan.workspace, revision);
    return [...(engine.code.sources(code.digest) ?? new Map()).keys()]
      .filter((file) => changed!.has(file))
      .map((file) => reason("code", file));
  };

  const reasonsAgainst = (instance: Instance): readonly Reason[] => {
    const entry = lock.get(instance.name);
    if (entry === undefined) return [reason("never-run", instance.name)];
    const record = engine.actions.get(entry.key);
    const manifest = manifestOf(instance, inputs, produced);
    if (record === undefined || isFailure(manifest)) {
      const upstream = producersOf(instance).filter((producer) => affected.has(producer));
      const reasons = [...changedSources(instance), ...upstream.map((producer) => reason("dep", `${producer}.`))];
      return reasons.length > 0 ? reasons : [reason("its-earlier-record-is-in-no-cache", "")];
    }
    const reasons = differences(record.manifest, manifest, { sources: (digest) => engine.code.sources(digest) })
      .filter(({ kind }) => !OF_MACHINES.has(kind))
      .flatMap((one) => {
        // Which files a bundle of another machine was made of is not known here.
        const files = one.kind === "code" && one.subject === "bundle" ? changedSources(instance) : [];
        return files.length > 0 ? files : [one];
      });
    return reasons;
  };

  const reasonsOf = (name: string): readonly Reason[] | undefined => {
    const instance = instances.get(name as InstanceName);
    if (instance === undefined) return undefined;
    if (!affected.has(name)) return [];
    let reasons = told.get(name);
    if (reasons === undefined) {
      reasons = reasonsAgainst(instance);
      told.set(name, reasons);
    }
    return reasons;
  };
  return (name) => rootCauses(name, reasonsOf);
}

/** Workspace-relative paths of tracked files that differ from a revision. */
function changedFiles(workspace: string, { commit }: RevisionFacts): ReadonlySet<string> {
  const names = git(workspace, "diff", "--name-only", "--relative", "-z", commit, "--", ".") ?? "";
  return new Set(names.split("\0").filter((name) => name !== ""));
}
