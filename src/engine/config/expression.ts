import type { Json } from "../../stage.ts";
import { nearest, suggest } from "../system/suggest.ts";

/** One `${…}`. */
export interface Expression {
  /** As written, with `${` and `}`. */
  readonly text: string;
  /** How many expressions of the same text come before it in the string. */
  readonly ordinal: number;
  readonly term: Term;
}

export type Term =
  | { readonly type: "param"; readonly path: readonly PathSegment[] }
  | { readonly type: "variable"; readonly name: string }
  /** `range(n)`: `[0, 1, …, n − 1]`. */
  | { readonly type: "range"; readonly count: number | readonly PathSegment[] }
  | { readonly type: "dep" | "out" | "env"; readonly name: string };

/** A key of a mapping, an index of a list, or a matrix variable that holds one (`params.datasets[name]`). */
export type PathSegment = string | { readonly variable: string };

/** A string of pipeline.yaml, taken apart. */
export type Template = readonly (string | Expression)[];

/** Something wrong with one expression. */
export interface Problem {
  readonly text: string;
  readonly ordinal: number;
  readonly reason: string;
  readonly message: string;
  readonly remedy: string;
}

export const FORMS = "${params.a.b}, ${a matrix variable} or ${range(n)}";
const NAME = String.raw`[A-Za-z_][\w-]*`;
const PARAMS = new RegExp(String.raw`^params((?:\.[\w-]+|\[${NAME}\])+)$`);
const SEGMENT = new RegExp(String.raw`\.([\w-]+)|\[(${NAME})\]`, "g");

/** Whether a string holds anything to evaluate, `$${` included. */
export function isTemplate(text: string): boolean {
  return text.includes("${");
}

/** Takes a string apart into literal text (with `$${` made `${`) and expressions. */
export function parseTemplate(text: string): { readonly template: Template; readonly problems: readonly Problem[] } {
  const template: (string | Expression)[] = [];
  const problems: Problem[] = [];
  const seen = new Map<string, number>();
  let literal = "";
  let at = 0;
  for (let open = text.indexOf("${"); open !== -1; open = text.indexOf("${", at)) {
    if (text[open - 1] === "$" && open > at) {
      literal += `${text.slice(at, open - 1)}\${`;
      at = open + 2;
      continue;
    }
    const close = text.indexOf("}", open);
    const whole = close === -1 ? text.slice(open) : text.slice(open, close + 1);
    const ordinal = seen.get(whole) ?? 0;
    seen.set(whole, ordinal + 1);
    literal += text.slice(at, open);
    at = open + whole.length;
    if (close === -1) {
      const remedy = "close it with }, or write $${ for the two characters themselves";
      problems.push({
        text: whole,
        ordinal,
        reason: "invalid-expression",
        message: `\`${whole}\` is not closed`,
        remedy,
      });
      continue;
    }
    const term = parseTerm(whole.slice(2, -1).trim());
    if (term === undefined) {
      const message = `\`${whole}\` is not an expression`;
      const word = /^\$\{\s*([\w-]+)/.exec(whole)?.[1];
      const near = word === undefined ? undefined : nearest(word, ["params", "range", "deps", "outs", "env"]);
      const meant = near === undefined || near === word ? "" : `did you mean \`${near}\`? `;
      const remedy = `${meant}expressions are ${FORMS}; write $${whole} to keep the text as it is`;
      problems.push({ text: whole, ordinal, reason: "invalid-expression", message, remedy });
      continue;
    }
    if (literal !== "") template.push(literal);
    literal = "";
    template.push({ text: whole, ordinal, term });
  }
  literal += text.slice(at);
  if (literal !== "" || template.length === 0) template.push(literal);
  return { template, problems };
}

function parseTerm(text: string): Term | undefined {
  if (new RegExp(`^${NAME}$`).test(text)) return { type: "variable", name: text };
  const special = new RegExp(`^(deps|outs|env)\\.(${NAME})$`).exec(text);
  if (special) return { type: SPECIAL[special[1] as keyof typeof SPECIAL], name: special[2]! };
  const path = parsePath(text);
  if (path) return { type: "param", path };
  const count = /^range\((.*)\)$/.exec(text)?.[1]?.trim();
  if (count === undefined) return undefined;
  if (/^\d+$/.test(count)) return { type: "range", count: Number(count) };
  const countPath = parsePath(count);
  return countPath && { type: "range", count: countPath };
}

const SPECIAL = { deps: "dep", outs: "out", env: "env" } as const;

function parsePath(text: string): readonly PathSegment[] | undefined {
  const rest = PARAMS.exec(text)?.[1];
  if (rest === undefined) return undefined;
  return [...rest.matchAll(SEGMENT)].map(([, key, variable]) => key ?? { variable: variable! });
}

/** What an expression may refer to, and where problems go. */
export interface Scope {
  readonly params: Json;
  readonly variables: Readonly<Record<string, Json>>;
  /** The names that `deps.*`, `outs.*`, `env.*` may use here: those expressions stay in the text for the engine. */
  readonly later: Readonly<Partial<Record<"dep" | "out" | "env", readonly string[]>>>;
  problem(problem: Problem): void;
}

/** The value of a string: any JSON for a single expression, text otherwise. `undefined` after a problem. */
export function evaluate(template: Template, scope: Scope): Json | undefined {
  const [only] = template;
  if (template.length === 1 && only !== undefined) return typeof only === "string" ? only : evaluateOne(only, scope);
  let text = "";
  let failed = false;
  for (const part of template) {
    if (typeof part === "string") {
      text += part;
      continue;
    }
    const value = evaluateOne(part, scope);
    if (value === undefined) {
      failed = true;
    } else if (typeof value === "object") {
      failed = true;
      const kind = kindOf(value);
      const remedy =
        "inside text only a string, a number or a boolean can stand; use the expression alone for the rest";
      scope.problem({ ...origin(part), reason: "not-text", message: `\`${part.text}\` is ${kind}`, remedy });
    } else {
      text += String(value);
    }
  }
  return failed ? undefined : text;
}

function evaluateOne(expression: Expression, scope: Scope): Json | undefined {
  const { term } = expression;
  switch (term.type) {
    case "param":
      return lookUp(expression, term.path, scope);
    case "variable":
      return variable(expression, term.name, scope);
    case "range": {
      const count = typeof term.count === "number" ? term.count : lookUp(expression, term.count, scope);
      if (count === undefined) return undefined;
      if (typeof count === "number" && Number.isInteger(count) && count >= 0 && count <= 1_000_000) {
        return Array.from({ length: count }, (_, index) => index);
      }
      const message = `range needs a whole number from 0 to 1,000,000, and this is ${describe(count)}`;
      scope.problem({
        ...origin(expression),
        reason: "invalid-range",
        message,
        remedy: "give how many numbers there are",
      });
      return undefined;
    }
    case "dep":
    case "out":
    case "env": {
      const known = scope.later[term.type];
      const plural = `${term.type}${term.type === "env" ? "" : "s"}`;
      if (known === undefined) {
        const place = term.type === "env" ? "`reads:` and `writes:`" : "`cmd:`";
        const message = `\`${expression.text}\` has a value in ${place} only`;
        const remedy = `expressions here are ${FORMS}`;
        scope.problem({ ...origin(expression), reason: "misplaced-expression", message, remedy });
        return undefined;
      }
      if (known.includes(term.name)) return `\${${plural}.${term.name}}`;
      const message = `this stage declares no ${term.type} \`${term.name}\``;
      const remedy = suggest(term.name, known, plural);
      scope.problem({ ...origin(expression), reason: `unknown-${term.type}`, message, remedy });
      return undefined;
    }
  }
}

function variable(expression: Expression, name: string, scope: Scope): Json | undefined {
  // null stands for a value that is not known because the matrix is wrong: that has been reported.
  if (Object.hasOwn(scope.variables, name)) return scope.variables[name] ?? undefined;
  const message = `there is no matrix variable \`${name}\` here`;
  // Someone who writes ${HOME} or ${mlp} most likely means the shell's or a param.
  const isParam = isMapping(scope.params) && Object.hasOwn(scope.params, name);
  const remedy = isParam
    ? `write \${params.${name}}`
    : `${suggest(name, Object.keys(scope.variables), "matrix variables")}; $\${${name}} keeps the text as it is`;
  scope.problem({ ...origin(expression), reason: "unknown-variable", message, remedy });
  return undefined;
}

function lookUp(expression: Expression, path: readonly PathSegment[], scope: Scope): Json | undefined {
  let value: Json = scope.params;
  let walked = "params";
  for (const segment of path) {
    let key: string;
    if (typeof segment === "string") {
      key = segment;
    } else {
      const resolved = variable(expression, segment.variable, scope);
      if (resolved === undefined) return undefined;
      key = String(resolved);
    }
    const next: Json | undefined = isMapping(value)
      ? Object.hasOwn(value, key)
        ? value[key]
        : undefined
      : Array.isArray(value) && /^\d+$/.test(key)
        ? (value as readonly Json[])[Number(key)]
        : undefined;
    if (next === undefined) {
      const keys = isMapping(value) ? Object.keys(value) : [];
      const message = `\`${walked}\` has no \`${key}\``;
      const remedy = isMapping(value) ? suggest(key, keys, "keys") : `\`${walked}\` is ${describe(value)}`;
      scope.problem({ ...origin(expression), reason: "unknown-param", message, remedy });
      return undefined;
    }
    value = next;
    walked += `.${key}`;
  }
  return value;
}

function origin({ text, ordinal }: Expression): { text: string; ordinal: number } {
  return { text, ordinal };
}

export function isMapping(value: Json | undefined): value is { readonly [key: string]: Json } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** `a list`, `text`, … for messages. */
export function kindOf(value: Json): string {
  if (value === null) return "empty";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "a mapping";
  return typeof value === "string" ? "text" : `a ${typeof value}`;
}

/** The value itself where it is short, else its kind. */
export function describe(value: Json): string {
  if (typeof value === "object") return kindOf(value);
  return typeof value === "string" ? `the text \`${value}\`` : `\`${value}\``;
}
