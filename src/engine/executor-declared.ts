import type { Json } from "../stage.ts";
import { type Mapping, mapping, strings, text } from "./declared.ts";
import type { Report } from "./diagnostic.ts";
import { isMapping } from "./expression.ts";
import type { Plan, SlurmOptions } from "./plan.ts";
import { parseDuration } from "./retry.ts";
import { SLURM_DEFAULTS } from "./slurm/options.ts";
import type { Path, Tree } from "./source.ts";
import { suggest } from "./suggest.ts";

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
    else if (declared !== undefined) own = { ...own, ...declared };
  }
  if (own !== undefined) return { executor: "slurm", slurm: { ...SLURM_DEFAULTS, ...common, ...own } };
  return root.slurm === undefined ? {} : { slurm: { ...SLURM_DEFAULTS, ...common } };
}

function slurmOptions(declared: Mapping, path: Path, tree: Tree, report: Report): Partial<SlurmOptions> {
  const duration = (name: "time" | "poll"): number | undefined => {
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
  };
  const whole = (name: "jobs" | "array"): number | undefined =>
    typeof declared[name] === "number" ? declared[name] : undefined;
  const { onInterrupt } = declared;
  const options: { [Name in keyof SlurmOptions]?: SlurmOptions[Name] | undefined } = {
    partition: text(declared.partition),
    account: text(declared.account),
    qos: text(declared.qos),
    constraint: text(declared.constraint),
    gres: text(declared.gres),
    setup: text(declared.setup),
    time: duration("time"),
    poll: duration("poll"),
    jobs: whole("jobs"),
    array: whole("array"),
    flags: declared.flags === undefined ? undefined : strings(declared.flags),
    onInterrupt: onInterrupt === "leave" || onInterrupt === "cancel" ? onInterrupt : undefined,
  };
  return Object.fromEntries(
    Object.entries(options).filter(([, value]) => value !== undefined),
  ) as Partial<SlurmOptions>;
}
