import type { Json } from "../stage.ts";
import { type Claim, type ClaimsFile, readClaims } from "./claims.ts";
import { changedLeaves, type LeafChange } from "./metrics.ts";
import type { Snapshot, SnapshotOut } from "./snapshot.ts";
import { byFigure } from "./values.ts";

/** `unreadable`: the contents differ, and one of them is in no cache here. */
export type Change = "same" | "changed" | "new" | "gone" | "unreadable";

export interface Difference {
  readonly claims: readonly ClaimChange[];
  /** How many claims came out the same, to the last digit. */
  readonly sameClaims: number;
  readonly figures: readonly FigureChange[];
  readonly tables: readonly TableChange[];
  /** All other outs: tensors, pictures of figures, folders. */
  readonly others: readonly { readonly path: string; readonly change: Change }[];
  /** Contents that a comparison needed and this cache does not have. */
  readonly missing: readonly SnapshotOut[];
  /** Present results whose stage has changed since. */
  readonly stale: readonly string[];
}

export interface ClaimChange {
  readonly figure: string;
  readonly id: string;
  readonly before: Claim | undefined;
  readonly after: Claim | undefined;
}

export interface FigureChange {
  readonly name: string;
  readonly change: Change;
  readonly before: string | undefined;
  readonly after: string | undefined;
}

export interface TableChange {
  readonly path: string;
  readonly change: Change;
  readonly leaves: readonly LeafChange[];
}

export type Read = (out: SnapshotOut) => Buffer | undefined;

/** Compares two states of the results, out by out by its path below the artifacts' folder. */
export function differenceOf(artifacts: string, before: Snapshot, after: Snapshot, read: Read): Difference {
  const claims: ClaimChange[] = [];
  let sameClaims = 0;
  const figures: FigureChange[] = [];
  const tables: TableChange[] = [];
  const others: { path: string; change: Change }[] = [];
  const missing = new Map<string, SnapshotOut>();
  const text = (out: SnapshotOut | undefined): string | undefined => {
    if (out === undefined) return undefined;
    const bytes = read(out);
    if (bytes === undefined) missing.set(out.content, out);
    return bytes?.toString("utf8");
  };
  for (const path of [...new Set([...before.keys(), ...after.keys()])].sort(byFigure)) {
    const [old, now] = [before.get(path), after.get(path)];
    const change = changeOf(old, now);
    const name = path.slice(path.lastIndexOf("/") + 1).replace(/\.(vl\.json|svg|json)$/, "");
    if (path.startsWith(`${artifacts}/claims/`) && path.endsWith(".json")) {
      const [was, is] = [claimsIn(text(old)), claimsIn(text(now))];
      const unreadable = (old !== undefined && was === undefined) || (now !== undefined && is === undefined);
      if (unreadable) others.push({ path, change: change === "same" ? "same" : "unreadable" });
      else sameClaims += compareClaims(name, was, is, claims);
    } else if (path.startsWith(`${artifacts}/figures/`) && path.endsWith(".svg")) {
      const [was, is] = change === "same" ? [undefined, undefined] : [text(old), text(now)];
      figures.push({ name, change, before: was, after: is });
    } else if (path.endsWith(".json") && !path.endsWith(".vl.json") && change === "changed") {
      const [was, is] = [jsonIn(text(old)), jsonIn(text(now))];
      if (was === undefined || is === undefined) tables.push({ path, change: "unreadable", leaves: [] });
      else tables.push({ path, change, leaves: changedLeaves("$", was, is) });
    } else if (path.endsWith(".json") && !path.endsWith(".vl.json")) {
      tables.push({ path, change, leaves: [] });
    } else {
      others.push({ path, change });
    }
  }
  const stale = new Set([...after.values()].filter((out) => out.stale).map(({ instance }) => instance));
  return { claims, sameClaims, figures, tables, others, missing: [...missing.values()], stale: [...stale] };
}

function changeOf(before: SnapshotOut | undefined, after: SnapshotOut | undefined): Change {
  if (before === undefined) return "new";
  if (after === undefined) return "gone";
  return before.content === after.content ? "same" : "changed";
}

/** Adds what differs and returns how many are the same. A statement in other words is the same claim. */
function compareClaims(
  figure: string,
  before: ClaimsFile | undefined,
  after: ClaimsFile | undefined,
  into: ClaimChange[],
): number {
  const old = new Map((before?.claims ?? []).map((claim) => [claim.id, claim]));
  const now = new Map((after?.claims ?? []).map((claim) => [claim.id, claim]));
  let same = 0;
  for (const id of new Set([...now.keys(), ...old.keys()])) {
    const [was, is] = [old.get(id), now.get(id)];
    if (was !== undefined && is !== undefined && sameOutcome(was, is)) same++;
    else into.push({ figure, id, before: was, after: is });
  }
  return same;
}

function sameOutcome(a: Claim, b: Claim): boolean {
  return a.verdict === b.verdict && a.ours === b.ours && a.paper === b.paper && a.rule === b.rule;
}

function claimsIn(text: string | undefined): ClaimsFile | undefined {
  return text === undefined ? undefined : readClaims(text);
}

function jsonIn(text: string | undefined): Json | undefined {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
}
