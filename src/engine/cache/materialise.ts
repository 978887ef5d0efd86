import { type BigIntStats, cpSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Sightings } from "../files/sightings.ts";
import type { FileState, Glance, StatIndex } from "../files/stat-index.ts";
import { moveTo, type Store } from "../files/store.ts";
import { entriesBelow, parseTree, treeDigest } from "../files/tree.ts";
import type { OutResult } from "../plan/outcome.ts";
import type { Digest, PlannedOut } from "../plan/plan.ts";
import { type BlobDamage, type Cas, setAside } from "./cas.ts";

/** Whether an artifact in the workspace is what its action made. */
export type OutCondition = "same" | "missing" | "edited";

export interface Materialiser {
  /** Answers at once when the stat index knows the files, else after reading them. */
  inspect(out: PlannedOut, result: OutResult): OutCondition | Promise<OutCondition>;
  /** Equal stamps: nobody has touched the artifact in between. */
  stamp(out: PlannedOut): string;
  /** Puts an artifact in its place, whole or not at all; when a blob is damaged, nothing changes. */
  place(out: PlannedOut, result: OutResult): Promise<"placed" | Damage>;
}

type FileResult = OutResult & { readonly kind: "file" };

export interface Damage {
  readonly digest: Digest;
  readonly damage: BlobDamage;
}

export function openMaterialiser(store: Store, cas: Cas, files: StatIndex, sightings?: Sightings): Materialiser {
  const inspectFile = (path: string, result: FileResult): OutCondition | Promise<OutCondition> => {
    const judge = (state: Glance | FileState | undefined): OutCondition => {
      if (state === undefined) return "missing";
      return state.digest === result.digest && state.executable === result.executable ? "same" : "edited";
    };
    const glance = files.glance(path);
    return glance === undefined || glance.digest !== undefined ? judge(glance) : files.digest(path).then(judge);
  };

  const inspectDirectory = (path: string, result: OutResult): OutCondition | Promise<OutCondition> => {
    const entries = entriesBelow(join(store.workspace, path), (below) => sightings?.willList(`${path}${below}`));
    if (entries === undefined) return "missing";
    const glances = entries.map((entry) => ({ entry, state: files.glance(`${path}/${entry.path}`) }));
    const judge = (
      states: readonly { entry: { path: string }; state: Glance | FileState | undefined }[],
    ): OutCondition => {
      const tree = states.flatMap(({ entry, state }) =>
        state?.digest === undefined ? [] : [{ path: entry.path, digest: state.digest, executable: state.executable }],
      );
      return tree.length === states.length && treeDigest(tree) === result.digest ? "same" : "edited";
    };
    if (glances.every(({ state }) => state?.digest !== undefined)) return judge(glances);
    return Promise.all(
      glances.map(async ({ entry }) => ({ entry, state: await files.digest(`${path}/${entry.path}`) })),
    ).then(judge);
  };

  const placeFile = async (path: string, result: FileResult): Promise<"placed" | Damage> => {
    const temporary = store.scratch("out");
    const copied = await cas.copy(result.digest, temporary, result.executable, () =>
      publish(store, temporary, `${store.workspace}/${path}`),
    );
    if (typeof copied === "string") return { digest: result.digest, damage: copied };
    files.learn(path, result.digest, copied);
    return "placed";
  };

  const placeDirectory = async (path: string, result: OutResult): Promise<"placed" | Damage> => {
    const bytes = cas.read(result.digest);
    if (typeof bytes === "string") return { digest: result.digest, damage: bytes };
    const tree = parseTree(bytes);
    if (tree === undefined) return { digest: result.digest, damage: "corrupted" };
    const temporary = store.scratch("out");
    mkdirSync(temporary);
    const placed: { path: string; digest: Digest; stats: BigIntStats }[] = [];
    for (const file of tree) {
      const target = join(temporary, file.path);
      mkdirSync(dirname(target), { recursive: true });
      const copied = await cas.copy(file.digest, target, file.executable);
      if (typeof copied === "string") {
        rmSync(temporary, { recursive: true, force: true });
        return { digest: file.digest, damage: copied };
      }
      placed.push({ path: file.path, digest: file.digest, stats: copied });
    }
    publish(store, temporary, join(store.workspace, path));
    for (const file of placed) files.learn(`${path}/${file.path}`, file.digest, file.stats);
    return "placed";
  };

  return {
    inspect: (out, result) =>
      result.kind === "file" ? inspectFile(out.path, result) : inspectDirectory(out.path, result),
    stamp(out) {
      if (out.kind === "file") return files.glance(out.path)?.stamp ?? "";
      const entries = entriesBelow(join(store.workspace, out.path)) ?? [];
      return entries.map(({ path }) => `${path} ${files.glance(`${out.path}/${path}`)?.stamp}`).join("\n");
    },
    place: (out, result) => (result.kind === "file" ? placeFile(out.path, result) : placeDirectory(out.path, result)),
  };
}

/** Renames a finished file or folder over whatever is in its place. */
function publish(store: Store, temporary: string, target: string): void {
  for (let attempt = 0; ; attempt++) {
    try {
      moveTo(temporary, target);
      return;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === "EXDEV") {
        publishAcross(temporary, target);
        return;
      }
      // A folder is never replaced by rename, nor a file by a folder: what is there steps aside first. Another process
      // may publish in between, so this is tried again a few times.
      const occupied =
        code === "ENOTEMPTY" || code === "EEXIST" || code === "EISDIR" || code === "ENOTDIR" || code === "EPERM";
      if (!occupied || attempt === 20) throw error;
      const aside = store.scratch("old");
      if (!setAside(target, aside) && attempt > 0 && code !== "ENOTEMPTY" && code !== "EEXIST") throw error;
      rmSync(aside, { recursive: true, force: true });
    }
  }
}

/** The artifacts lie on another file system than `.pipeline`: copy beside the target, then rename there. */
function publishAcross(temporary: string, target: string): void {
  const beside = `${target}.${process.pid}.partial`;
  rmSync(beside, { recursive: true, force: true });
  mkdirSync(dirname(target), { recursive: true });
  cpSync(temporary, beside, { recursive: true, preserveTimestamps: true });
  rmSync(target, { recursive: true, force: true });
  renameSync(beside, target);
  rmSync(temporary, { recursive: true, force: true });
}
