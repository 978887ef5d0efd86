import type { Json } from "../../stage.ts";
import type { InstanceName } from "../plan/plan.ts";
import { enumerate, suggest } from "../system/suggest.ts";
import type { Evaluator } from "./evaluator.ts";
import { instanceName, type StageMatrix } from "./matrix.ts";
import type { Path } from "./source.ts";

/** A dep on a stage's out, as written: `stage.out@key=value,key2=*`. */
export interface OutReference {
  readonly stage: string;
  readonly out: string;
  /** Key → the text after `=`, expressions unevaluated. */
  readonly filters: ReadonlyMap<string, string>;
}

/** What a dep may refer to. */
export interface Producers {
  readonly matrices: ReadonlyMap<string, StageMatrix | undefined>;
  /** The names of each stage's outs. */
  readonly outs: ReadonlyMap<string, readonly string[]>;
}

const FORM = "a dep is written stage.out or stage.out@key=value";

/** Takes a dep's text apart and checks that what it names exists. `undefined` after a problem. */
export function parseReference(
  text: string,
  path: Path,
  producers: Producers,
  evaluator: Evaluator,
): OutReference | undefined {
  const { tree, report } = evaluator;
  const [target = "", ...rest] = text.split("@");
  const [stage = "", ...names] = target.trim().split(".");
  const out = names.join(".");
  const known = producers.outs.get(stage);
  if (known === undefined) {
    const remedy = stage.includes("${")
      ? `a stage's name is written out; ${FORM}`
      : text.includes("/")
        ? `a file of the workspace is written { files: ${text} }`
        : suggest(stage, producers.outs.keys(), "stages");
    report.error("unknown-stage", tree.inside(path, stage), `there is no stage \`${stage}\``, remedy);
    return undefined;
  }
  if (out === "") {
    // `stage@key=value.out`: the filter comes last.
    const [filter = "", meant] = splitOut(rest.join("@"), known);
    const at = filter === "" ? "" : `@${filter}`;
    const written = (meant === undefined ? known.slice(0, 3) : [meant]).map((name) => `${stage}.${name}${at}`);
    const remedy = written.length === 0 ? `stage \`${stage}\` has no outs` : `write ${written.join(" or ")}`;
    report.error("missing-out-name", tree.valueAt(path), `this does not say which out of \`${stage}\``, remedy);
    return undefined;
  }
  if (!known.includes(out)) {
    report.error(
      "unknown-out",
      tree.inside(path, out),
      `stage \`${stage}\` has no out \`${out}\``,
      suggest(out, known, "outs"),
    );
    return undefined;
  }
  const filters = new Map<string, string>();
  const keys = producers.matrices.get(stage)?.keys;
  let whole = rest.length <= 1;
  if (!whole) report.error("invalid-dep", tree.valueAt(path), "this dep has more than one @", FORM);
  for (const part of rest[0]?.split(/,(?![^{]*\})/) ?? []) {
    const equals = part.indexOf("=");
    const key = part.slice(0, Math.max(0, equals)).trim();
    const value = part.slice(equals + 1).trim();
    if (equals < 1 || value === "") {
      report.error("invalid-dep", tree.inside(path, part), `\`${part}\` is not key=value`, FORM);
      whole = false;
    } else if (keys !== undefined && !keys.includes(key)) {
      const message = `the matrix of \`${stage}\` has no key \`${key}\``;
      report.error("unknown-key", tree.inside(path, key), message, suggest(key, keys, "matrix keys"));
      whole = false;
    } else {
      filters.set(key, value);
    }
  }
  return whole ? { stage, out, filters } : undefined;
}

/** The text after `@`, and the name of an out that stands at its end. */
function splitOut(text: string, outs: readonly string[]): readonly [filter: string, out: string | undefined] {
  const out = outs.find((name) => text.endsWith(`.${name}`));
  return out === undefined ? [text, undefined] : [text.slice(0, -out.length - 1), out];
}

export interface Join {
  readonly each: boolean;
  readonly from: readonly { readonly instance: InstanceName; readonly out: string }[];
}

/**
 * Joins one dep of one stage for each of its instances: on the matrix keys that both stages have, unless a filter says
 * otherwise; the producer's other keys fan in. Result: one join per consumer row, `undefined` after a problem.
 */
export function joinDep(
  reference: OutReference,
  path: Path,
  consumer: { readonly stage: string; readonly matrix: StageMatrix },
  producer: StageMatrix,
  evaluator: Evaluator,
): readonly Join[] | undefined {
  const { stage, out, filters } = reference;
  const { report, tree } = evaluator;
  const isPinned = (key: string): boolean => {
    const filter = filters.get(key);
    return filter === undefined ? consumer.matrix.keys.includes(key) : filter !== "*";
  };
  const pinned = producer.keys.filter(isPinned);
  const known = new Map(pinned.map((name) => [name, new Set(producer.rows.map((row) => String(row[name])))]));
  const index = new Map<string, Candidate[]>();
  for (const [order, row] of producer.rows.entries()) {
    const key = pinned.map((name) => String(row[name])).join(",");
    const candidate = { order, from: { instance: instanceName(stage, row), out } };
    const bucket = index.get(key);
    if (bucket === undefined) index.set(key, [candidate]);
    else bucket.push(candidate);
  }

  const joins: Join[] = [];
  const missing = new Set<string>();
  let whole = true;
  for (const row of consumer.matrix.rows) {
    let each = pinned.length < producer.keys.length;
    let keys: string[][] = [[]];
    for (const name of pinned) {
      const filter = filters.get(name);
      const value = filter === undefined ? row[name] : evaluator.text(filter, path, { variables: row });
      if (value === undefined) {
        whole = false;
        keys = [];
        break;
      }
      if (Array.isArray(value)) each = true;
      const options = [value as Json].flat().map((item) => canonical(item as Json, known.get(name)!));
      keys = keys.flatMap((some) => options.map((one) => [...some, one]));
    }
    const candidates = keys.flatMap((key) => index.get(key.join(",")) ?? []);
    if (keys.length > 1) candidates.sort((a, b) => a.order - b.order);
    for (const key of keys) {
      if (!index.has(key.join(","))) missing.add(pinned.map((name, i) => `${name}=${key[i]}`).join(","));
    }
    joins.push({ each, from: candidates.map(({ from }) => from) });
  }
  if (missing.size > 0) {
    const message = `\`${stage}\` has no instance with ${enumerate([...missing], 4)}`;
    const has = pinned.map((name) => {
      return `${name}: ${enumerate([...known.get(name)!])}`;
    });
    const whose = consumer.matrix.keys.some((key) => pinned.includes(key) && !filters.has(key));
    const remedy = `it has ${has.join("; ")}${whose ? "; or gather all with key=*" : ""}`;
    report.error("no-such-instance", tree.valueAt(path), message, remedy);
    return undefined;
  }
  return whole ? joins : undefined;
}

interface Candidate {
  /** Its place in the producer's matrix. */
  readonly order: number;
  readonly from: Join["from"][number];
}

/** As the producer's matrix spells it: `0.10` in a filter means its value 0.1. */
function canonical(value: Json, known: ReadonlySet<string>): string {
  const text = typeof value === "object" ? JSON.stringify(value) : String(value);
  if (known.has(text)) return text;
  const number = text.trim() === "" ? Number.NaN : Number(text);
  return Number.isNaN(number) ? text : String(number);
}
