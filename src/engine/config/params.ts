import type { Json } from "../../stage.ts";
import { suggest } from "../system/suggest.ts";
import { compactKind, expandCompact } from "./compact.ts";
import type { Place, Report, Source } from "./diagnostic.ts";
import { isMapping, isTemplate, kindOf } from "./expression.ts";
import { type Profiles, profilesOf } from "./profiles.ts";
import { type Path, parseSource, type Tree } from "./source.ts";

export interface ResolvedParams {
  readonly profile: string;
  /** The profiles that it consists of: see `Profiles.lineOf`. Empty without one. */
  readonly line: readonly string[];
  readonly params: Json;
}

/** One layer of values over the defaults, and where its parts stand. */
interface Layer {
  /** Where it comes from, for messages: "profile `quick`". */
  readonly name: string;
  readonly value: Json;
  readonly place: (path: Path, what: "key" | "value") => Place;
}

/**
 * The params of a run: the defaults under `params:`, the overlays of the profiles that the profile extends and its own, then
 * each `--set a.b=value`. Mappings merge, everything else replaces. Only what has a default can be set, and only by something of its kind, so that a slip of the
 * pen is an error instead of a param that nothing reads. Every profile is checked, not only the one in use.
 *
 * `profile` and `set` are what the command line says.
 */
export function resolveParams(
  tree: Tree,
  profile: string | undefined,
  set: readonly string[],
  report: Report,
): ResolvedParams {
  const root = isMapping(tree.value) ? tree.value : {};
  const defaults = isMapping(root.params) ? root.params : {};
  const profiles = profilesOf(tree, report);
  const layers: Layer[] = [{ name: "params", value: defaults, place: placesIn(tree, ["params"]) }];
  const chosen = chooseProfile(tree, profiles, root.defaultProfile, profile, report);

  const overlays = new Map<string, Layer>();
  for (const name of profiles.names) {
    const value = profiles.overlayOf(name);
    const layer = { name: `profile \`${name}\``, value, place: placesIn(tree, ["profiles", name]) };
    if (checkOverlay(defaults, layer, [], report)) overlays.set(name, layer);
  }
  if (chosen !== undefined) layers.push(...profiles.lineOf(chosen).flatMap((name) => overlays.get(name) ?? []));
  for (const argument of set) {
    const layer = parseSet(argument, report);
    if (layer !== undefined && checkOverlay(defaults, layer, [], report)) layers.push(layer);
  }
  const merged = layers.map(({ value }) => value).reduce(merge);
  const origin = (path: Path, what: "key" | "value"): Place =>
    layers.findLast(({ value }) => reaches(value, path))!.place(path, what);
  return {
    profile: chosen ?? "default",
    line: chosen === undefined ? [] : profiles.lineOf(chosen),
    params: settle(merged, [], origin, report),
  };
}

function placesIn(tree: Tree, prefix: Path): Layer["place"] {
  return (path, what) => (what === "key" ? tree.keyAt([...prefix, ...path]) : tree.valueAt([...prefix, ...path]));
}

function chooseProfile(
  tree: Tree,
  { names: known }: Profiles,
  declared: Json | undefined,
  asked: string | undefined,
  report: Report,
): string | undefined {
  if (typeof declared === "string" && !known.includes(declared)) {
    const message = `there is no profile \`${declared}\``;
    report.error("unknown-profile", tree.valueAt(["defaultProfile"]), message, suggest(declared, known, "profiles"));
  }
  if (asked === undefined) {
    const wanted = typeof declared === "string" ? declared : "quick";
    return known.includes(wanted) ? wanted : undefined;
  }
  if (known.includes(asked)) return asked;
  const source = { name: "--profile", text: asked };
  const message = `there is no profile \`${asked}\``;
  report.error("unknown-profile", { source, start: 0, end: asked.length }, message, suggest(asked, known, "profiles"));
  return undefined;
}

/**
 * Reports what an overlay sets that has no default, or a default of another kind. Whether there was none of that: what is
 * refused is not laid over the defaults, where it would bring complaints about what is made from it.
 */
function checkOverlay(defaults: Json, layer: Layer, path: Path, report: Report): boolean {
  const value = at(layer.value, path);
  const before = at(defaults, path);
  if (value === undefined || before === undefined || before === null) return true;
  const kind = shapeOf(value);
  const expected = shapeOf(before);
  if (kind !== expected) {
    if (path.length === 0 && layer.name.startsWith("profile")) return false; // The schema has said so.
    const message = `\`params.${path.join(".")}\` is ${expected}, and ${layer.name} sets it to ${kind}`;
    report.error("param-kind", layer.place(path, "value"), message, `give ${expected}`);
    return false;
  }
  if (!isMapping(value) || !isMapping(before) || compactKind(before) !== undefined) return true;
  let isFine = true;
  for (const key of Object.keys(value)) {
    if (Object.hasOwn(before, key)) {
      isFine = checkOverlay(defaults, layer, [...path, key], report) && isFine;
      continue;
    }
    isFine = false;
    const message = `${layer.name} sets \`params.${[...path, key].join(".")}\`, which has no default`;
    const remedy = suggest(key, Object.keys(before), "keys");
    report.error(
      "unknown-param",
      layer.place([...path, key], "key"),
      message,
      `${remedy}; new ones go under \`params:\``,
    );
  }
  return isFine;
}

/** A compact list is a list, however it is written. A part of one (`geometric.count`) is its own number. */
function shapeOf(value: Json): string {
  return compactKind(value) === undefined ? kindOf(value) : "a list";
}

function merge(below: Json, above: Json): Json {
  if (!isMapping(below) || !isMapping(above)) return above;
  const kind = compactKind(above);
  // One kind of compact list replaces another; of the same kind, single fields can be overlaid.
  if (kind !== undefined && compactKind(below) !== kind) return above;
  const result: { [key: string]: Json } = { ...below };
  for (const [key, value] of Object.entries(above)) {
    result[key] = Object.hasOwn(below, key) ? merge(below[key]!, value) : value;
  }
  return result;
}

/** Compact lists become lists, `$${` becomes `${`. */
function settle(value: Json, path: Path, origin: (path: Path, what: "key" | "value") => Place, report: Report): Json {
  const kind = compactKind(value);
  if (kind !== undefined) {
    const expansion = expandCompact(kind, (value as { readonly [key: string]: Json })[kind]!);
    if ("list" in expansion) return expansion.list;
    const { field, message, remedy } = expansion.problem;
    const place = field === undefined ? origin([...path, kind], "key") : origin([...path, kind, field], "value");
    report.error("invalid-list", place, message, remedy);
    return [];
  }
  if (isMapping(value)) {
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [key, settle(item, [...path, key], origin, report)]),
    );
  }
  if (Array.isArray(value)) {
    return (value as readonly Json[]).map((item, index) => settle(item, [...path, index], origin, report));
  }
  if (typeof value !== "string" || !isTemplate(value)) return value;
  if (/(^|[^$])\$\{/.test(value)) {
    const remedy = "params are plain values, expressions belong in stages; write $${ for the two characters themselves";
    report.error("misplaced-expression", origin(path, "value"), "a param cannot hold an expression", remedy);
  }
  return value.replaceAll("$${", "${");
}

/** `a.b=value`: a path, then YAML for the value (a scalar, or a list or mapping in brackets). */
function parseSet(argument: string, report: Report): Layer | undefined {
  const source: Source = { name: "--set", text: argument };
  const whole = { source, start: 0, end: argument.length };
  const equals = argument.indexOf("=");
  const path = argument
    .slice(0, Math.max(equals, 0))
    .replace(/^params\./, "")
    .split(".");
  if (equals < 1 || path.includes("")) {
    report.error(
      "invalid-set",
      whole,
      "this is not `a.b=value`",
      "for example --set mlp.epochs=100 or --set 'mlp.etas=[0.1, 0.2]'",
    );
    return undefined;
  }
  const problems: string[] = [];
  const text = argument.slice(equals + 1);
  const tree = parseSource(
    { name: "--set", text },
    { ...report, error: (_reason, _place, message) => problems.push(message) },
  );
  const valuePlace = { source, start: equals + 1, end: argument.length };
  if (tree === undefined || problems.length > 0) {
    const remedy = "the value is YAML: a number, text, or a list such as [0.1, 0.2]";
    report.error("invalid-set", valuePlace, problems[0]!, remedy);
    return undefined;
  }
  const value = path.reduceRight<Json>((inner, key) => ({ [key]: inner }), tree.value);
  const keyPlace = { source, start: 0, end: equals };
  return { name: "--set", value, place: (_path, what) => (what === "key" ? keyPlace : valuePlace) };
}

/** Whether the layer says something at the path or above it: the last one that does decides. */
function reaches(value: Json, path: Path): boolean {
  let node: Json | undefined = value;
  for (const key of path) {
    if (!isMapping(node) && !Array.isArray(node)) return true;
    node = at(node, [key]);
    if (node === undefined) return false;
  }
  return true;
}

function at(value: Json, path: Path): Json | undefined {
  let node: Json | undefined = value;
  for (const key of path) {
    if (Array.isArray(node)) node = (node as readonly Json[])[Number(key)];
    else if (isMapping(node) && Object.hasOwn(node, String(key))) node = node[String(key)];
    else return undefined;
  }
  return node;
}

/** Warns of params that no stage uses, each at the highest level where nothing is used. */
export function reportUnusedParams(tree: Tree, used: ReadonlySet<string>, report: Report): void {
  const root = isMapping(tree.value) ? tree.value : {};
  const visit = (value: Json, path: readonly string[]): void => {
    const name = path.join(".");
    if (used.has(name)) return;
    const partly = [...used].some((other) => other.startsWith(`${name}.`));
    if (!partly) {
      const message = `no stage uses \`params.${name}\``;
      report.warning(
        "unused-param",
        tree.keyAt(["params", ...path]),
        message,
        "remove it, or hand it to a stage under `params:`",
      );
    } else if (isMapping(value) && compactKind(value) === undefined) {
      for (const [key, item] of Object.entries(value)) visit(item, [...path, key]);
    }
  };
  if (used.has("") || !isMapping(root.params)) return;
  for (const [key, value] of Object.entries(root.params)) visit(value, [key]);
}
