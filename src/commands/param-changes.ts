import { readFileSync } from "node:fs";
import { join } from "node:path";
import { PIPELINE_FILE } from "../engine/config/load.ts";
import type { RevisionFacts } from "../report/compare-revision.ts";
import type { LeafChange } from "../report/metrics.ts";
import type { Json } from "../stage.ts";

/** Leaf by leaf as pipeline.yaml has them, profiles included: `mlp.epochs`, `profiles.laptop.mlp.epochs`. */
export async function paramChanges(workspace: string, revision: RevisionFacts): Promise<LeafChange[]> {
  const [{ parse }, { changedLeaves }, { fileAt }] = await Promise.all([
    import("yaml"),
    import("../report/metrics.ts"),
    import("../report/compare-revision.ts"),
  ]);
  const read = (text: string | undefined): { readonly params: Json; readonly profiles: Json } => {
    let value: { readonly params?: Json; readonly profiles?: Json } | null;
    try {
      value = parse(text ?? "") as typeof value;
    } catch {
      value = null;
    }
    return { params: value?.params ?? {}, profiles: value?.profiles ?? {} };
  };
  const [before, after] = [
    read(fileAt(workspace, revision, PIPELINE_FILE)),
    read(readFileSync(join(workspace, PIPELINE_FILE), "utf8")),
  ];
  return [
    ...changedLeaves("params", before.params, after.params),
    ...changedLeaves("profiles", before.profiles, after.profiles),
  ];
}
