import type { Json } from "../../stage.ts";
import type { JobOptions, Plan, SlurmOptions } from "../plan/plan.ts";
import { parseDuration } from "../plan/retry.ts";
import { over, SLURM_DEFAULTS } from "../slurm/options.ts";
import { suggest } from "../system/suggest.ts";
import { type Mapping, mapping, strings, text } from "./declared.ts";
import type { Report } from "./diagnostic.ts";
import { isMapping } from "./expression.ts";
import type { Path, Tree } from "./source.ts";

const EXECUTORS = ["local", "slurm"];

/**
 * Where actions run: `executor:` of the profiles that the run's profile consists of (`line`), with the options under `slurm:`
 * and the profiles' own over them. As with params mappings merge, and a name replaces what was there.
 */
export function executorOf(tree: Tree, line: readonly string[], report: Report): Pick<Plan, "executor" | "slurm"> {
  const root = mapping(tree.value);
  const common = slurmOptions(mapping(root.slurm), ["slurm"], tree, report);
  const declaredBy = new Map<string, Partial<SlurmOptions> | "local" | "slurm">();
  for (const [name, overlay] of Object.entries(mapping(root.profiles))) {
    const declared = mapping(overlay).executor;
    if (declared === undefined) continue;
    const path = ["profiles", name, "executor"];
    if (typeof declared === "string" && !EXECUTORS.includes(declared)) {
      const remedy = suggest(declared, EXECUTORS, "executors");
      report.error("wrong-value", tree.valueAt(path), `there is no executor \`${declared}\``, remedy);
      continue;
    }
    if (isMapping(declared))
      declaredBy.set(name, slurmOptions(mapping(declared.slurm), [...path, "slurm"], tree, report));
    else if (declared === "local" || declared === "slurm") declaredBy.set(name, declared);
  }
  let own: Partial<SlurmOptions> | undefined;
  for (const name of line) {
    const declared = declaredBy.get(name);
    if (declared === "local") own = undefined;
    else if (declared === "slurm") own = {};
    else if (declared !== undefined) own = over(own ?? {}, declared);
  }
  if (own !== undefined) return { executor: "slurm", slurm: { ...SLURM_DEFAULTS, ...over(common, own) } };
  return root.slurm === undefined ? {} : { slurm: { ...SLURM_DEFAULTS, ...common } };
}

function slurmOptions(declared: Mapping, path: Path, tree: Tree, report: Report): Partial<SlurmOptions> {
  const whole = (name: "jobs" | "array"): number | undefined =>
    typeof declared[name] === "number" ? declared[name] : undefined;
  const { onInterrupt } = declared;
  return defined<SlurmOptions>({
    ...jobOptions(declared, path, tree, report),
    cpu: isMapping(declared.cpu) ? jobOptions(declared.cpu, [...path, "cpu"], tree, report) : undefined,
    stages: isMapping(declared.stages) ? stageOptions(declared.stages, [...path, "stages"], tree, report) : undefined,
    setup: text(declared.setup),
    poll: duration(declared, "poll", path, tree, report),
    jobs: whole("jobs"),
    array: whole("array"),
    onInterrupt: onInterrupt === "leave" || onInterrupt === "cancel" ? onInterrupt : undefined,
  });
}

function stageOptions(declared: Mapping, path: Path, tree: Tree, report: Report): Record<string, JobOptions> {
  const stages = Object.keys(mapping(mapping(tree.value).stages));
  const entries = Object.keys(declared).flatMap((name) => {
    if (stages.includes(name)) return [[name, jobOptions(mapping(declared[name]), [...path, name], tree, report)]];
    const remedy = suggest(name, stages, "stages");
    report.error("unknown-stage", tree.keyAt([...path, name]), `there is no stage \`${name}\``, remedy);
    return [];
  });
  return Object.fromEntries(entries);
}

function jobOptions(declared: Mapping, path: Path, tree: Tree, report: Report): JobOptions {
  return defined<JobOptions>({
    partition: text(declared.partition),
    account: text(declared.account),
    qos: text(declared.qos),
    constraint: text(declared.constraint),
    gres: text(declared.gres),
    time: duration(declared, "time", path, tree, report),
    flags: declared.flags === undefined ? undefined : strings(declared.flags),
  });
}

function duration(
  declared: Mapping,
  name: "time" | "poll",
  path: Path,
  tree: Tree,
  report: Report,
): number | undefined {
  const raw: Json | undefined = declared[name];
  if (typeof raw !== "string" && typeof raw !== "number") return undefined;
  const seconds = parseDuration(raw);
  if (seconds !== undefined && seconds > 0) return seconds;
  report.error(
    "wrong-value",
    tree.valueAt([...path, name]),
    `\`${[...path, name].join(".")}\` cannot be \`${raw}\``,
    "write a duration such as 90s, 30m, 2h or 1d",
  );
  return undefined;
}

function defined<T>(options: { [Name in keyof T]?: T[Name] | undefined }): Partial<T> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Partial<T>;
}
