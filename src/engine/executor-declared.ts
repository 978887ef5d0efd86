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

/** Where actions run: `executor:` of the profile, with the options under `slurm:` and the profile's own over them. */
export function executorOf(tree: Tree, profile: string, report: Report): Pick<Plan, "executor" | "slurm"> {
  const root = mapping(tree.value);
  if (Object.hasOwn(mapping(root.params), "executor")) {
    const message = "a param cannot be named `executor`: a profile says with it where its actions run";
    report.error("reserved-param", tree.keyAt(["params", "executor"]), message, "give the param another name");
  }
  const common = slurmOptions(mapping(root.slurm), ["slurm"], tree, report);
  let chosen: Pick<Plan, "executor" | "slurm"> =
    root.slurm === undefined ? {} : { slurm: { ...SLURM_DEFAULTS, ...common } };
  for (const [name, overlay] of Object.entries(mapping(root.profiles))) {
    const declared = mapping(overlay).executor;
    if (declared === undefined) continue;
    const path = ["profiles", name, "executor"];
    if (typeof declared === "string" && !EXECUTORS.includes(declared)) {
      const remedy = suggest(declared, EXECUTORS, "executors");
      report.error("wrong-value", tree.valueAt(path), `there is no executor \`${declared}\``, remedy);
      continue;
    }
    const own = isMapping(declared) ? slurmOptions(mapping(declared.slurm), [...path, "slurm"], tree, report) : {};
    if (name !== profile || declared === "local") continue;
    chosen = { executor: "slurm", slurm: { ...SLURM_DEFAULTS, ...common, ...own } };
  }
  return chosen;
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
