import type { Plan } from "../engine/plan/plan.ts";
import { closureOf } from "../engine/plan/targets.ts";
import type { Palette } from "../reporters/palette.ts";
import { pad } from "../reporters/text.ts";
import { type Command, PLAN_OPTIONS, usageError } from "./command.ts";
import { chooseTargets, openPlan } from "./workspace.ts";

const FORMATS = ["text", "mermaid", "json"] as const;
type Format = (typeof FORMATS)[number];

export const command: Command = {
  name: "graph",
  summary: "show the stages and what each reads and writes",
  usage: "[TARGET…] [options]",
  description: "Shows the graph of stages, producers first. The instances of a matrix stage are one node.",
  options: {
    format: { type: "string", value: "FORMAT", description: "text (default), mermaid or json" },
    ...PLAN_OPTIONS,
  },
  examples: [
    { command: "pipeline graph", meaning: "all stages" },
    { command: "pipeline graph fig02 --format mermaid", meaning: "what a figure depends on, as a diagram" },
  ],
  arity: [0, Number.POSITIVE_INFINITY],
  async run(context, args) {
    const format = args.text("format") ?? "text";
    if (!isFormat(format)) {
      return usageError(context, `there is no format \`${format}\``, `formats are ${FORMATS.join(", ")}`);
    }
    const plan = await openPlan(context, args);
    if (plan === 2) return 2;
    const targets = chooseTargets(context, plan, args.positionals);
    if (targets === 2) return 2;
    const nodes = collapse(plan, closureOf(plan, targets));
    const { out } = context;
    out.write({ text: asText, mermaid: asMermaid, json: asJson }[format](nodes, out.palette));
    return 0;
  },
};

function isFormat(text: string): text is Format {
  return (FORMATS as readonly string[]).includes(text);
}

interface Node {
  readonly stage: string;
  readonly instances: number;
  readonly action: string;
  readonly platform: string | undefined;
  readonly deps: readonly NodeDep[];
  readonly outs: readonly string[];
}

type NodeDep =
  | { readonly name: string; readonly stage: string; readonly out: string; readonly each: boolean }
  | { readonly name: string; readonly files: readonly string[] };

function collapse(plan: Plan, instances: Plan["instances"]): Node[] {
  const stages = new Map<string, Plan["instances"][number][]>();
  for (const instance of instances) stages.set(instance.stage, [...(stages.get(instance.stage) ?? []), instance]);
  const stageOf = new Map(plan.instances.map(({ name, stage }) => [name, stage]));
  return [...stages].map(([stage, own]) => {
    const deps = new Map<string, NodeDep>();
    for (const dep of own.flatMap((instance) => instance.deps)) {
      if (dep.type === "files") {
        const before = deps.get(dep.name);
        const files = [...(before !== undefined && "files" in before ? before.files : []), ...dep.patterns];
        deps.set(dep.name, { name: dep.name, files: [...new Set(files)] });
        continue;
      }
      const [first] = dep.from;
      if (first === undefined) continue;
      deps.set(dep.name, { name: dep.name, stage: stageOf.get(first.instance)!, out: first.out, each: dep.each });
    }
    const [{ action, platform, outs }] = own as [Plan["instances"][number]];
    return {
      stage,
      instances: own.length,
      action: action.type === "run" ? action.module : action.command,
      platform,
      deps: [...deps.values()],
      outs: outs.map(({ name }) => name),
    };
  });
}

/** `train ×3   ← dataset.data` */
function asText(nodes: readonly Node[], palette: Palette): string {
  const title = ({ stage, instances }: Node): string => (instances === 1 ? stage : `${stage} ×${instances}`);
  const width = Math.max(0, ...nodes.map((node) => title(node).length)) + 3;
  const lines = nodes.map((node) => {
    const deps = node.deps.map((dep) =>
      "files" in dep
        ? palette.dim(dep.files.join(" "))
        : `${dep.stage}.${dep.out}${dep.each ? palette.dim(" (all)") : ""}`,
    );
    const left = palette.bold(pad(title(node), width));
    return deps.length === 0 ? left.trimEnd() : `${left}${palette.dim("←")} ${deps.join(palette.dim(", "))}`;
  });
  return `${lines.join("\n")}\n`;
}

function asMermaid(nodes: readonly Node[]): string {
  const lines = ["flowchart LR"];
  for (const { stage, instances } of nodes) {
    lines.push(`  ${idOf(stage)}["${instances === 1 ? stage : `${stage} ×${instances}`}"]`);
  }
  for (const { stage, deps } of nodes) {
    // Several deps on one stage are one arrow.
    const arrows = new Map<string, string[]>();
    for (const dep of deps) {
      if ("files" in dep) continue;
      arrows.set(dep.stage, [...(arrows.get(dep.stage) ?? []), dep.out]);
    }
    for (const [from, outs] of arrows)
      lines.push(`  ${idOf(from)} -->|${[...new Set(outs)].join(", ")}| ${idOf(stage)}`);
  }
  return `${lines.join("\n")}\n`;
}

/** mermaid reserves some words (`end`, `graph`) as identifiers. */
function idOf(stage: string): string {
  return `s_${stage}`;
}

function asJson(nodes: readonly Node[]): string {
  return `${JSON.stringify({ stages: nodes }, undefined, 2)}\n`;
}
