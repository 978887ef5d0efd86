import { parseTree } from "../files/tree.ts";
import type { Outs } from "../plan/outcome.ts";
import type { Digest } from "../plan/plan.ts";
import type { Cas } from "./cas.ts";

/** All blobs that outs consist of: those of a directory are its tree and its files. */
export function blobsOf(outs: Outs, cas: Cas): Digest[] {
  return Object.values(outs).flatMap(({ kind, digest }) => {
    if (kind === "file") return [digest];
    const bytes = cas.read(digest);
    const tree = typeof bytes === "string" ? undefined : parseTree(bytes);
    return [digest, ...(tree ?? []).map((file) => file.digest)];
  });
}
