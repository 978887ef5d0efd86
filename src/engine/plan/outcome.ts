import type { Manifest } from "./manifest.ts";
import type { Digest, InstanceName, Key, Work } from "./plan.ts";

/** One out of a finished action. A directory's digest is that of its tree (tree.ts). */
export type OutResult =
  | { readonly kind: "file"; readonly digest: Digest; readonly executable: boolean; readonly bytes: number }
  | { readonly kind: "directory"; readonly digest: Digest; readonly files: number; readonly bytes: number };

/** By the outs' names. */
export type Outs = Readonly<Record<string, OutResult>>;

/** What the action cache keeps under a key: everything about one finished action but the blobs. */
export interface ActionRecord {
  readonly key: Key;
  readonly instance: InstanceName;
  readonly manifest: Manifest;
  readonly outs: Outs;
  /** Execution alone, without waiting and publishing. */
  readonly seconds: number;
  /** How much it then had to do, where the stage declares that. */
  readonly work?: Work;
  /** ISO 8601, when it finished. */
  readonly when: string;
  /** The name of the processor that it ran on: provenance, never in a key. Unknown to old records and some machines. */
  readonly cpu?: string;
}

/** How an out enters the keys of those that depend on it. The executable bit counts: a `cmd:` may run its dep. */
export function contentOf(out: OutResult): string {
  return out.kind === "file" && out.executable ? `${out.digest}+x` : out.digest;
}
