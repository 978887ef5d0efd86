import { readFileSync } from "node:fs";
import { isSafetensorsFailure, readSafetensorsHeader, readTensor } from "../../formats/safetensors.ts";
import type { Json } from "../../stage.ts";
import type { Store } from "../files/store.ts";
import { parseTree, type Tree } from "../files/tree.ts";
import { contentOf, type OutResult } from "../plan/outcome.ts";
import type { Digest, Tolerance } from "../plan/plan.ts";
import type { Cas } from "./cas.ts";

/** How two results of one out compare. `detail` says where they are apart the most, or why nobody can tell. */
export interface Comparison {
  readonly state: "identical" | "within-tolerance" | "divergent";
  readonly detail?: string;
}

/** numpy.isclose's: a millionth part of a single-precision mantissa's worth is noise, a per mille is not. */
export const DEFAULT_TOLERANCE: Tolerance = { relative: 1e-5, absolute: 1e-8 };

const IDENTICAL: Comparison = { state: "identical" };

/** Compares two results of one out whose blobs are in the CAS: bytes first, then numbers in JSON and safetensors files. */
export function compareOuts(
  { store, cas }: { readonly store: Store; readonly cas: Cas },
  path: string,
  before: OutResult,
  after: OutResult,
  tolerance: Tolerance,
): Comparison {
  if (contentOf(before) === contentOf(after)) return IDENTICAL;
  if (before.kind === "file" || after.kind === "file")
    return compareFiles(store, path, before.digest, after.digest, tolerance);
  const [old, now] = [treeOf(cas, before.digest), treeOf(cas, after.digest)];
  if (old === undefined || now === undefined) return divergent("the earlier result is no longer in the cache");
  const files = new Map(now.map((file) => [file.path, file]));
  const lost = old.find((file) => !files.has(file.path)) ?? now.find((file) => !old.some((o) => o.path === file.path));
  if (lost !== undefined) return divergent(`only one of them has ${lost.path}`);
  const all = old.map((file) => compareFiles(store, file.path, file.digest, files.get(file.path)!.digest, tolerance));
  return all.find(({ state }) => state === "divergent") ?? all.find(({ state }) => state !== "identical") ?? IDENTICAL;
}

function compareFiles(store: Store, path: string, before: Digest, after: Digest, tolerance: Tolerance): Comparison {
  if (before === after) return IDENTICAL;
  const worst = openWorst(tolerance);
  const [old, now] = [store.blob(before), store.blob(after)];
  try {
    if (path.endsWith(".json")) compareJson("$", read(old), read(now), worst);
    else if (path.endsWith(".safetensors")) compareTensors(old, now, worst);
    else return divergent("the bytes differ");
  } catch (error) {
    if (error instanceof Apart) return divergent(error.message);
    if (error instanceof SyntaxError) return divergent("it is no JSON");
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return divergent("one of them is not in this cache");
    throw error;
  }
  return worst.conclude();
}

/** Two values that no tolerance brings together. */
class Apart extends Error {}

interface Worst {
  number(where: () => string, a: number, b: number): void;
  conclude(): Comparison;
}

function openWorst({ relative, absolute }: Tolerance): Worst {
  let most = -1;
  let told = "";
  return {
    number(where, a, b) {
      if (a === b || (Number.isNaN(a) && Number.isNaN(b))) return;
      const allowed = absolute + relative * Math.max(Math.abs(a), Math.abs(b));
      const ratio = Number.isFinite(a) && Number.isFinite(b) ? Math.abs(a - b) / allowed : Number.POSITIVE_INFINITY;
      if (ratio <= most) return;
      most = ratio;
      told = `${where()}: ${a} and ${b}`;
    },
    conclude() {
      if (most < 0) return { state: "within-tolerance", detail: "the same values, written differently" };
      return { state: most <= 1 ? "within-tolerance" : "divergent", detail: told };
    },
  };
}

function compareJson(where: string, a: Json, b: Json, worst: Worst): void {
  if (typeof a === "number" && typeof b === "number") {
    worst.number(() => where, a, b);
  } else if (Array.isArray(a) && Array.isArray(b)) {
    if (a.length !== b.length) throw new Apart(`${where}: ${a.length} and ${b.length} elements`);
    a.forEach((element: Json, index) => {
      compareJson(`${where}[${index}]`, element, b[index], worst);
    });
  } else if (isMapping(a) && isMapping(b)) {
    const lost = Object.keys(a).find((key) => !(key in b)) ?? Object.keys(b).find((key) => !(key in a));
    if (lost !== undefined) throw new Apart(`${where}: only one of them has "${lost}"`);
    for (const key of Object.keys(a)) compareJson(`${where}.${key}`, a[key]!, b[key]!, worst);
  } else if (a !== b) {
    throw new Apart(`${where}: ${JSON.stringify(a)} and ${JSON.stringify(b)}`);
  }
}

function compareTensors(before: string, after: string, worst: Worst): void {
  const [old, now] = [readSafetensorsHeader(before), readSafetensorsHeader(after)];
  if (isSafetensorsFailure(old)) throw new Apart(old.message);
  if (isSafetensorsFailure(now)) throw new Apart(now.message);
  compareJson("metadata", old.metadata, now.metadata, worst);
  const shapes = ({ tensors }: typeof old): Json =>
    Object.fromEntries(Object.entries(tensors).map(([name, { dtype, shape }]) => [name, `${dtype} [${shape}]`]));
  compareJson("tensors", shapes(old), shapes(now), worst);
  for (const name of Object.keys(old.tensors)) {
    const [a, b] = [readTensor(before, name), readTensor(after, name)];
    if (isSafetensorsFailure(a) || isSafetensorsFailure(b)) throw new Apart(`the tensor ${name} cannot be read`);
    // Counts and classes are exact.
    const exact = a.dtype === "i32" || a.dtype === "u8";
    a.data.forEach((value, index) => {
      const other = b.data[index]!;
      if (exact && value !== other) throw new Apart(`${name}[${index}]: ${value} and ${other}`);
      worst.number(() => `${name}[${index}]`, value, other);
    });
  }
}

function treeOf(cas: Cas, digest: Digest): Tree | undefined {
  const bytes = cas.read(digest);
  return typeof bytes === "string" ? undefined : parseTree(bytes);
}

function read(path: string): Json {
  return JSON.parse(readFileSync(path, "utf8")) as Json;
}

function isMapping(value: Json): value is { readonly [key: string]: Json } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function divergent(detail: string): Comparison {
  return { state: "divergent", detail };
}
