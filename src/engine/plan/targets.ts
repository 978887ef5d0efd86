import { posix } from "node:path";
import { suggest } from "../system/suggest.ts";
import type { Instance, InstanceName, Plan } from "./plan.ts";

/** A target on the command line that means nothing in this plan. */
export interface UnknownTarget {
  readonly target: string;
  readonly message: string;
  readonly remedy: string;
}

/**
 * The instances that targets name: in plan order, each once; all instances when no target is given. A target is
 * - a stage: `train`;
 * - instances: `train@eta=0.1` (a part of the matrix is enough, in any order);
 * - a glob over either: `fig*`, `train@eta=0.0*`;
 * - an out's path, a folder that holds outs, or a glob over paths: `artifacts/figures/fig01.svg`, `artifacts/figures`.
 *   Paths are relative to `folder`, which is relative to the workspace.
 */
export function resolveTargets(
  plan: Plan,
  targets: readonly string[],
  folder = "",
): { readonly targets: readonly InstanceName[] } | { readonly unknown: readonly UnknownTarget[] } {
  if (targets.length === 0) return { targets: plan.instances.map(({ name }) => name) };
  const chosen = new Set<InstanceName>();
  const unknown: UnknownTarget[] = [];
  for (const target of targets) {
    const found = plan.instances.filter(matcherOf(target, folder));
    for (const { name } of found) chosen.add(name);
    if (found.length === 0) unknown.push(explain(plan, target));
  }
  if (unknown.length > 0) return { unknown };
  return { targets: plan.instances.filter(({ name }) => chosen.has(name)).map(({ name }) => name) };
}

/** The targets and everything they depend on, in plan order: producers before consumers. */
export function closureOf(plan: Plan, targets: readonly InstanceName[]): readonly Instance[] {
  if (new Set(targets).size === plan.instances.length) return plan.instances;
  const byName = new Map(plan.instances.map((instance) => [instance.name, instance]));
  const needed = new Set<InstanceName>();
  const open = [...targets];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    if (needed.has(name)) continue;
    needed.add(name);
    for (const dep of byName.get(name)?.deps ?? []) {
      if (dep.type === "out") for (const { instance } of dep.from) open.push(instance);
    }
  }
  return plan.instances.filter(({ name }) => needed.has(name));
}

function matcherOf(target: string, folder: string): (instance: Instance) => boolean {
  const [stage = "", pairs] = splitAt(target);
  const wanted = pairs?.split(",").map((pair) => globOf(pair.trim(), "name"));
  const stagePattern = globOf(stage, "name");
  const namePattern = globOf(target, "name");
  const path = posix.join(folder, target).replace(/\/$/, "");
  const pathPattern = globOf(path, "path");
  return ({ name, stage: own, matrix, outs }) => {
    if (namePattern.test(name)) return true;
    if (stagePattern.test(own)) {
      if (wanted === undefined) return true;
      const has = Object.entries(matrix).map(([key, value]) => `${key}=${value}`);
      if (wanted.every((pattern) => has.some((pair) => pattern.test(pair)))) return true;
    }
    return outs.some((out) => pathPattern.test(out.path) || out.path.startsWith(`${path}/`));
  };
}

function splitAt(target: string): [string, string?] {
  const at = target.indexOf("@");
  return at === -1 ? [target] : [target.slice(0, at), target.slice(at + 1)];
}

/** `*` and `?` match anything in a name; in a path they stop at `/`, and `**` does not. */
function globOf(pattern: string, kind: "name" | "path"): RegExp {
  const source = pattern.replaceAll(/\*\*\/?|[*?]|[\\^$.|+()[\]{}]/g, (part) => {
    if (part.startsWith("**")) return ".*";
    if (part === "*") return kind === "name" ? ".*" : "[^/]*";
    if (part === "?") return kind === "name" ? "." : "[^/]";
    return `\\${part}`;
  });
  return new RegExp(`^${source}$`);
}

function explain(plan: Plan, target: string): UnknownTarget {
  const [stage] = splitAt(target);
  const stages = [...new Set(plan.instances.map((instance) => instance.stage))];
  const message = `there is no stage, instance or out \`${target}\``;
  if (target !== stage && stages.includes(stage)) {
    const instances = plan.instances.filter((instance) => instance.stage === stage).map(({ name }) => name);
    return { target, message, remedy: suggest(target, instances, "instances") };
  }
  if (target.includes("/")) {
    const paths = plan.instances.flatMap(({ outs }) => outs.map(({ path }) => path));
    return { target, message, remedy: suggest(target, paths, "outs") };
  }
  return { target, message, remedy: suggest(stage, stages, "stages") };
}
