import { leavesOf } from "../engine/system/json.ts";
import type { Json } from "../stage.ts";
import { numberText } from "./values.ts";

/** One leaf of a JSON document before and after; `undefined` where it was or is not there. */
export interface LeafChange {
  readonly path: string;
  readonly before: Json | undefined;
  readonly after: Json | undefined;
}

/** What changed between two documents, the leaves that tell the most first. */
export function changedLeaves(root: string, before: Json, after: Json): LeafChange[] {
  const old = new Map(leavesOf(root, before));
  const now = new Map(leavesOf(root, after));
  const changes: LeafChange[] = [];
  for (const path of new Set([...old.keys(), ...now.keys()])) {
    const change = { path, before: old.get(path), after: now.get(path) };
    if (JSON.stringify(change.before) !== JSON.stringify(change.after)) changes.push(change);
  }
  return changes;
}

/** Leaves that differ in list indices alone, told by the one that changed the most. */
export interface LeafGroup {
  readonly most: LeafChange;
  readonly count: number;
}

export function groupLeaves(changes: readonly LeafChange[]): LeafGroup[] {
  const groups = new Map<string, LeafChange[]>();
  for (const change of changes) {
    const pattern = change.path.replaceAll(/\[\d+\]/g, "[]");
    const group = groups.get(pattern);
    if (group === undefined) groups.set(pattern, [change]);
    else group.push(change);
  }
  return [...groups.values()]
    .map((group) => ({ most: [...group].sort(byWeight)[0]!, count: group.length }))
    .sort((a, b) => byWeight(a.most, b.most));
}

/** Single values before elements of lists, then by how much they changed relative to their size. */
export function byWeight(a: LeafChange, b: LeafChange): number {
  return depthOf(a) - depthOf(b) || weight(b) - weight(a);
}

function depthOf({ path }: LeafChange): number {
  return path.includes("[") ? 1 : 0;
}

function weight({ before, after }: LeafChange): number {
  // Rows that came or went follow from what did change, texts and verdicts do not.
  if (before === undefined || after === undefined) return 0;
  if (typeof before !== "number" || typeof after !== "number") return 1;
  return Math.abs(after - before) / Math.max(Math.abs(after), Math.abs(before));
}

/** `+12 %`, or `×40` from tenfold on, where both are numbers and the first is not zero. */
export function relativeText({ before, after }: LeafChange): string | undefined {
  if (typeof before !== "number" || typeof after !== "number" || before === 0) return undefined;
  const ratio = after / before;
  if (ratio >= 10) return `×${numberText(Number(ratio.toPrecision(2)))}`;
  const percent = (100 * (after - before)) / Math.abs(before);
  const text = Math.abs(percent) >= 9.95 ? percent.toFixed(0) : percent.toPrecision(2);
  return `${percent > 0 ? "+" : ""}${text.replace("-", "−")} %`;
}
