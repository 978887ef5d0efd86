import type { Json } from "../../stage.ts";
import { isDigest, short } from "../plan/digest.ts";
import type { Reason } from "../plan/event.ts";
import type { Manifest } from "../plan/manifest.ts";
import type { Digest } from "../plan/plan.ts";
import { UNKNOWN } from "./key.ts";

/** Source file → digest of its part of a bundle; `undefined` when the bundle is not known any more. */
export type SourcesOf = (code: Digest) => ReadonlyMap<string, Digest> | undefined;

export interface DifferenceOptions {
  readonly sources: SourcesOf;
  /** Also tell deps whose bytes stayed the same (`before` equals `after`). */
  readonly unchangedDeps?: boolean;
}

/** What changed from one manifest to another, ingredient by ingredient. */
export function differences(
  before: Manifest,
  after: Manifest,
  { sources, unchangedDeps = false }: DifferenceOptions,
): Reason[] {
  const old = new Map(before.map(([kind, subject, value]) => [`${kind}\0${subject}`, value]));
  const reasons: Reason[] = [];
  const declarations: Reason[] = [];
  const tell = (kind: string, subject: string, was: Json | undefined, is: Json | undefined): void => {
    // The bytes of a dep that has to be made first are told by the dep's own state.
    if (is === UNKNOWN && kind === "dep") return;
    const equal = was !== undefined && is !== undefined && JSON.stringify(was) === JSON.stringify(is);
    if (equal && !(unchangedDeps && kind === "dep")) return;
    if (kind === "code" && isDigest(was) && isDigest(is)) reasons.push(...codeReasons(was, is, sources));
    else if (kind === "dep-declaration") declarations.push({ kind, subject, before: undefined, after: undefined });
    else reasons.push({ kind, subject, before: textOf(kind, was), after: textOf(kind, is) });
  };
  for (const [kind, subject, value] of after) {
    tell(kind, subject, old.get(`${kind}\0${subject}`), value);
    old.delete(`${kind}\0${subject}`);
  }
  for (const [id, value] of old) {
    const [kind = "", subject = ""] = id.split("\0");
    tell(kind, subject, value, undefined);
  }
  // Which files or instances came or went says more than that the list is another one.
  const listed = reasons.some(
    ({ kind, before: was, after: is }) =>
      (kind === "dep" || kind === "file") && (was === undefined || is === undefined),
  );
  return listed ? reasons : [...reasons, ...declarations];
}

function codeReasons(was: Digest, is: Digest, sources: SourcesOf): Reason[] {
  const before = sources(was);
  const after = sources(is);
  if (before !== undefined && after !== undefined) {
    const paths = [...new Set([...after.keys(), ...before.keys()])];
    const changed = paths.filter((path) => before.get(path) !== after.get(path));
    if (changed.length > 0) {
      return changed.map((path) => ({
        kind: "code",
        subject: path,
        before: maybeShort(before.get(path)),
        after: maybeShort(after.get(path)),
      }));
    }
  }
  return [{ kind: "code", subject: "bundle", before: short(was), after: short(is) }];
}

function maybeShort(digest: Digest | undefined): string | undefined {
  return digest === undefined ? undefined : short(digest);
}

/** A value as `why` shows it: digests shortened, versions and variables bare, params as JSON. */
function textOf(kind: string, value: Json | undefined): string | undefined {
  if (value === undefined || (value === null && (kind === "env" || kind === "file"))) return undefined;
  if (typeof value !== "string") return JSON.stringify(value);
  if (kind === "dep" || kind === "file" || kind === "schema" || kind === "code")
    return `${short(value)}${value.endsWith("+x") ? "+x" : ""}`;
  return kind === "param" || kind === "matrix" ? JSON.stringify(value) : value;
}
