import type { Json } from "../../stage.ts";
import type { Report } from "./diagnostic.ts";
import {
  evaluate,
  isMapping,
  isTemplate,
  type PathSegment,
  parseTemplate,
  type Scope,
  type Template,
} from "./expression.ts";
import type { Path, Tree } from "./source.ts";

/** What an expression of one stage (and matrix instance) may refer to. */
export interface Variables {
  readonly variables: Readonly<Record<string, Json>>;
  readonly later?: Scope["later"];
}

/** Evaluates the strings of one pipeline.yaml; what is wrong with them goes to the report, each thing once. */
export interface Evaluator {
  readonly tree: Tree;
  readonly report: Report;
  /** The value of a string that stands at `path`, or of a piece of it; `undefined` after a problem. */
  text(text: string, path: Path, scope: Variables): Json | undefined;
  /** A JSON value with all strings in it evaluated. */
  json(value: Json, path: Path, scope: Variables): Json | undefined;
  /** The params used so far, as `a.b.c`. */
  readonly used: ReadonlySet<string>;
}

export function createEvaluator(tree: Tree, params: Json, report: Report): Evaluator {
  const parsed = new Map<string, Template>();
  const used = new Set<string>();

  const parse = (text: string, path: Path): Template => {
    const known = parsed.get(text);
    if (known !== undefined) return known;
    const { template, problems } = parseTemplate(text);
    for (const { reason, message, remedy, text: part, ordinal } of problems) {
      report.error(reason, tree.inside(path, part, ordinal), message, remedy);
    }
    // A broken string is parsed again wherever else it stands, so that it is reported there as well.
    if (problems.length === 0) parsed.set(text, template);
    for (const part of template) {
      if (typeof part === "string") continue;
      const { term } = part;
      if (term.type === "param") used.add(staticPart(term.path));
      else if (term.type === "range" && typeof term.count !== "number") used.add(staticPart(term.count));
    }
    return problems.length === 0 ? template : [];
  };

  const text = (value: string, path: Path, { variables, later = {} }: Variables): Json | undefined => {
    if (!isTemplate(value)) return value;
    const template = parse(value, path);
    if (template.length === 0) return undefined;
    return evaluate(template, {
      params,
      variables,
      later,
      problem: (problem) => {
        const place = tree.inside(path, problem.text, problem.ordinal);
        report.error(problem.reason, place, problem.message, problem.remedy);
      },
    });
  };

  const json = (value: Json, path: Path, scope: Variables): Json | undefined => {
    if (typeof value === "string") return text(value, path, scope);
    if (Array.isArray(value)) {
      const items = (value as readonly Json[]).map((item, index) => json(item, [...path, index], scope));
      return items.includes(undefined) ? undefined : (items as Json[]);
    }
    if (!isMapping(value)) return value;
    const result: { [key: string]: Json } = {};
    let whole = true;
    for (const [key, item] of Object.entries(value)) {
      const evaluated = json(item, [...path, key], scope);
      if (evaluated === undefined) whole = false;
      else result[key] = evaluated;
    }
    return whole ? result : undefined;
  };

  return { tree, report, text, json, used };
}

/** `params.datasets[name].size` may reach any data set: it uses all of `datasets`. */
function staticPart(path: readonly PathSegment[]): string {
  const end = path.findIndex((segment) => typeof segment !== "string");
  return path.slice(0, end === -1 ? undefined : end).join(".");
}
