import {
  type Document,
  isAlias,
  isMap,
  isPair,
  isScalar,
  isSeq,
  type Node,
  type Pair,
  parseDocument,
  type YAMLMap,
} from "yaml";
import type { Json } from "../../stage.ts";
import type { Place, Report, Source } from "./diagnostic.ts";
import {
  ALIAS_REMEDY,
  decapitalise,
  reportErrors,
  reportSyntax,
  reportWarnings,
  TOO_DEEP,
  YAML_OPTIONS,
} from "./syntax.ts";

/** Keys and list indices from the top of the document. */
export type Path = readonly (string | number)[];

/** A parsed YAML text: its value, and where each part of it stands. */
export interface Tree {
  readonly source: Source;
  readonly value: Json;
  /** The key of a mapping's entry (for a list's element: the element). */
  keyAt(path: Path): Place;
  valueAt(path: Path): Place;
  /** The `ordinal`-th occurrence of `text` inside the scalar at `path`; all of the scalar when it is spelled otherwise there. */
  inside(path: Path, text: string, ordinal?: number): Place;
}

/**
 * Parses a YAML text. Syntax errors go to the report; then there is no tree, since what follows them cannot be trusted.
 */
export function parseSource(source: Source, report: Report): Tree | undefined {
  const document = parseDocument(source.text, YAML_OPTIONS);
  if (document.errors.some(({ code }) => code !== "DUPLICATE_KEY")) {
    reportSyntax(source, report);
    return undefined;
  }
  // A key given twice is wrong, but the rest of the text can still be read.
  reportErrors(document.errors, source, report);
  reportWarnings(document.warnings, source, report);
  let value: Json;
  try {
    value = document.toJS({ maxAliasCount: 1000 }) as Json;
  } catch (error) {
    const { message } = error as Error;
    if (error instanceof RangeError) {
      report.error("yaml-syntax", { source, start: 0, end: 1 }, TOO_DEEP, "write it flatter");
      return undefined;
    }
    if (message.startsWith("Excessive alias count")) {
      const first = source.text.search(/\*\w/);
      const place = { source, start: Math.max(0, first), end: Math.max(0, first) + 1 };
      const told = "the aliases (*name) multiply to more than can be read";
      report.error("yaml-syntax", place, told, "let them stand for less, or write out what they stand for");
      return undefined;
    }
    const alias = /: (\S+)$/.exec(message)?.[1];
    const start = Math.max(0, alias === undefined ? 0 : source.text.indexOf(`*${alias}`));
    const place = { source, start, end: start + 1 + (alias?.length ?? 0) };
    report.error("yaml-syntax", place, decapitalise(message), ALIAS_REMEDY);
    return undefined;
  }
  const place = (node: Node | undefined): Place => {
    const range = node?.range;
    if (!range) return { source, start: 0, end: 1 };
    return { source, start: range[0], end: Math.max(range[1], range[0] + 1) };
  };
  const valueAt = (path: Path): Place => place(find(document, path).value);
  const circle = circleIn(value);
  if (circle !== undefined) {
    report.error("yaml-syntax", valueAt(circle), "this alias stands for what it is itself a part of", "write it out");
    return undefined;
  }
  for (const path of unwritable(value)) {
    const message = "infinity and NaN have no place in JSON, which stages read their params as";
    report.error("not-json", valueAt(path), message, 'write a finite number, or text such as "inf"');
  }
  return {
    source,
    value: value ?? null,
    valueAt,
    keyAt(path) {
      const { key, value } = find(document, path);
      return place(key ?? value);
    },
    inside(path, text, ordinal = 0) {
      const whole = valueAt(path);
      let at = whole.start - 1;
      for (let i = 0; i <= ordinal; i++) {
        at = source.text.indexOf(text, at + 1);
        if (at === -1 || at + text.length > whole.end) return whole;
      }
      return { source, start: at, end: at + text.length };
    },
  };
}

/** Where something contains itself, as YAML's aliases allow. */
function circleIn(value: Json, path: Path = [], around: readonly Json[] = []): Path | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  if (around.includes(value)) return path;
  for (const [key, item] of Object.entries(value)) {
    const at = Array.isArray(value) ? Number(key) : key;
    const found = circleIn(item as Json, [...path, at], [...around, value]);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Where numbers stand that JSON cannot hold. */
function* unwritable(value: Json, path: Path = []): Generator<Path> {
  if (typeof value === "number") {
    if (!Number.isFinite(value)) yield path;
  } else if (Array.isArray(value)) {
    for (const [index, item] of (value as readonly Json[]).entries()) yield* unwritable(item, [...path, index]);
  } else if (typeof value === "object" && value !== null) {
    for (const [key, item] of Object.entries(value)) yield* unwritable(item, [...path, key]);
  }
}

const indices = new WeakMap<YAMLMap, Map<string, Pair>>();

/** A mapping's entries by key; searched for each stage of a thousand, a list of them would be slow. */
function pairsOf(map: YAMLMap): Map<string, Pair> {
  let index = indices.get(map);
  if (index === undefined) {
    index = new Map();
    for (const pair of map.items) {
      // Of a key given twice the first one is found: the second is reported as such.
      if (isScalar(pair.key) && !index.has(String(pair.key.value))) index.set(String(pair.key.value), pair);
    }
    indices.set(map, index);
  }
  return index;
}

/** The deepest node on the path that exists, so that something missing is shown where it is missing. */
function find(document: Document, path: Path): { key: Node | undefined; value: Node | undefined } {
  let key: Node | undefined;
  let node = (document.contents ?? undefined) as Node | undefined;
  for (const segment of path) {
    const container = isAlias(node) ? node.resolve(document) : node;
    let pair: Pair | undefined;
    if (isMap(container)) {
      pair = pairsOf(container).get(String(segment));
      if (pair === undefined) break;
      key = pair.key as Node;
      // `name:` with nothing after it has no node of its own: its key stands for it.
      node = (pair.value as Node | null) ?? key;
    } else if (isSeq(container) && typeof segment === "number") {
      const item = container.items[segment];
      if (item === undefined || isPair(item)) break;
      key = item as Node;
      node = key;
    } else {
      break;
    }
  }
  return { key, value: node };
}
