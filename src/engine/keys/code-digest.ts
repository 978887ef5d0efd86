import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative, resolve, sep } from "node:path";
import type { Sightings } from "../files/sightings.ts";
import type { StatIndex } from "../files/stat-index.ts";
import type { Store } from "../files/store.ts";
import { openTable } from "../files/table.ts";
import { digestOf } from "../plan/digest.ts";
import type { Failure } from "../plan/event.ts";
import type { Digest } from "../plan/plan.ts";
import { byCodeUnit } from "../system/json.ts";
import { BUNDLE_FORMAT, bundleModule, type Entry } from "./bundle.ts";
import {
  closureOfPackages,
  findPackageLock,
  lockDigest,
  type PackageLock,
  readPackageLock,
  type UsedPackage,
} from "./package-lock.ts";
import { regionsOf } from "./source-regions.ts";

/** What a `run:` module executes. */
export interface Code {
  readonly module: string;
  readonly entry: Entry;
  /** SHA-256 of the bundle. */
  readonly digest: Digest;
  /** Everything it may load from `node_modules`, with locked versions. */
  readonly packages: readonly UsedPackage[];
  /** Those of them that it names itself. */
  readonly imports: readonly string[];
}

export interface CodeReader {
  /** `entry`: see bundle.ts. */
  read(module: string, entry?: Entry): Promise<Code | Failure>;
  /** The bundle's file, verified. */
  file(code: Code): Promise<string | Failure>;
  /** Source files and what each contributes to a bundle: to name the one that changed. */
  sources(digest: Digest): ReadonlyMap<string, Digest> | undefined;
  save(): void;
}

/** A bundle that need not be made again while its inputs are the same. */
interface Known {
  readonly inputs: readonly string[];
  readonly folders: readonly string[];
  /** Of all inputs' digests and all folders' stamps. */
  readonly state: Digest;
  readonly lock: Digest | "";
  readonly digest: Digest;
  readonly imports: readonly string[];
  readonly packages: readonly UsedPackage[];
}

export function isFailure(value: object): value is Failure {
  return (
    "reason" in value && typeof value.reason === "string" && "message" in value && typeof value.message === "string"
  );
}

export function openCodeReader(store: Store, files: StatIndex, sightings?: Sightings): CodeReader {
  const { workspace } = store;
  const table = openTable<Known>(store, "code", BUNDLE_FORMAT);
  const reading = new Map<string, Promise<Code | Failure>>();
  const digests = new Map<string, Promise<Digest | "missing">>();
  const verified = new Map<Digest, Promise<string | Failure>>();
  const lockFile = findPackageLock(workspace, sightings);
  let lockState: Promise<Digest | ""> | undefined;
  let lock: PackageLock | undefined;

  const readLock = (): PackageLock | undefined => {
    if (lockFile !== undefined) lock ??= readPackageLock(lockFile, workspace);
    return lock;
  };
  const currentLock = (): Promise<Digest | ""> => {
    lockState ??= lockDigest(lockFile, workspace, files);
    return lockState;
  };
  const digestNow = (path: string): Promise<Digest | "missing"> =>
    files.digest(path).then((state) => state?.digest ?? "missing");
  /** Modules share most of their files. */
  const digestOnce = (path: string): Promise<Digest | "missing"> => {
    let digest = digests.get(path);
    if (digest === undefined) {
      digest = digestNow(path);
      digests.set(path, digest);
    }
    return digest;
  };
  const stateOf = async (
    inputs: readonly string[],
    folders: readonly string[],
    read: (path: string) => Promise<Digest | "missing">,
  ): Promise<Digest> => {
    for (const folder of folders) sightings?.willList(folder);
    const parts = await Promise.all(inputs.map(async (path) => `${path} ${await read(path)}`));
    return digestOf(
      [...parts, ...folders.map((path) => `${path} ${folderStamp(resolve(workspace, path))}`)].join("\n"),
    );
  };

  const make = async (module: string, entry: Entry): Promise<Code | Failure> => {
    sightings?.doubt();
    const started = Date.now();
    const lockNow = await currentLock();
    const bundle = await bundleModule(workspace, module, readLock(), entry);
    if ("message" in bundle) return failure("code-error", bundle.message, `correct ${module} or what it imports`);
    const { packages, unknown } = closureOfPackages(readLock(), bundle.packages);
    if (unknown.length > 0) {
      return failure(
        "unlocked-package",
        `${module} imports ${unknown.join(", ")}, which ${lockFile === undefined ? "no package-lock.json" : relative(workspace, lockFile)} does not list`,
        `npm install ${unknown.join(" ")}`,
      );
    }
    const digest = digestOf(bundle.text);
    publishBundle(store, digest, bundle.text, bundle.map);
    const code = { digest, imports: bundle.packages, packages };
    // A file saved while esbuild was reading it may not be what was bundled: such a bundle is not remembered.
    const quiet = bundle.inputs.every((path) => changedAt(resolve(workspace, path)) < started - 20);
    if (quiet) {
      const { inputs, folders } = bundle;
      // As the files are now, not as another module found them earlier.
      const state = await stateOf(inputs, folders, digestNow);
      table.set(module, { inputs, folders, state, lock: lockNow, ...code });
    } else if (table.get(module) !== undefined) {
      table.delete(module);
    }
    return { module, entry, ...code };
  };

  const find = async (module: string, entry: Entry): Promise<Code | Failure> => {
    const known = table.get(module);
    if (known !== undefined && (await stateOf(known.inputs, known.folders, digestOnce)) === known.state) {
      const lockNow = await currentLock();
      const { digest, imports } = known;
      if (known.lock === lockNow) return { module, entry, digest, imports, packages: known.packages };
      const { packages, unknown } = closureOfPackages(readLock(), imports);
      if (unknown.length === 0) {
        table.set(module, { ...known, lock: lockNow, packages });
        return { module, entry, digest, imports, packages };
      }
    }
    return make(module, entry);
  };

  const verify = async (code: Code): Promise<string | Failure> => {
    const mismatch = installedOtherwise(code, readLock(), workspace);
    if (mismatch !== undefined) return mismatch;
    const file = store.bundle(code.digest);
    for (const attempt of [1, 2]) {
      if (existsSync(file) && digestOf(withoutLink(readFileSync(file, "utf8"))) === code.digest) return file;
      // Gone or damaged: the sources make it again.
      const again = attempt === 1 ? await make(code.module, code.entry) : code;
      if (isFailure(again)) return again;
      if (again.digest !== code.digest) {
        return failure(
          "input-changed",
          `${code.module} or a file that it imports changed while the pipeline was running`,
          "run again",
        );
      }
    }
    return failure("code-error", `the bundle of ${code.module} cannot be read back`, "look at .pipeline/bundles");
  };

  return {
    read(module, entry = "default") {
      let code = reading.get(module);
      if (code === undefined) {
        code = find(module, entry);
        reading.set(module, code);
      }
      return code;
    },
    file(code) {
      let file = verified.get(code.digest);
      if (file === undefined) {
        file = verify(code);
        verified.set(code.digest, file);
      }
      return file;
    },
    sources(digest) {
      try {
        const text = readFileSync(store.bundle(digest).replace(/mjs$/, "json"), "utf8");
        return new Map(Object.entries((JSON.parse(text) as { sources: Record<string, Digest> }).sources));
      } catch {
        return undefined;
      }
    },
    save: () => table.save(),
  };
}

const linkTo = (digest: Digest): string => `\n//# sourceMappingURL=${digest}.mjs.map\n`;

function withoutLink(text: string): string {
  return text.replace(/\n\/\/# sourceMappingURL=[0-9a-f]{64}\.mjs\.map\n$/, "");
}

function publishBundle(store: Store, digest: Digest, text: string, map: string): void {
  const file = store.bundle(digest);
  const folder = dirname(file);
  const regions = [...regionsOf(text, JSON.parse(map))].map(([source, region]) => {
    return [relative(store.workspace, resolve(folder, source)).split(sep).join("/"), region] as const;
  });
  const sources = Object.fromEntries(regions.sort((a, b) => byCodeUnit(a[0], b[0])));
  // The map last: a comment moves lines, so it may differ where the bundle does not.
  store.publish(file, text + linkTo(digest));
  store.publish(file.replace(/mjs$/, "json"), JSON.stringify({ sources }));
  store.publish(`${file}.map`, map);
}

/** The key says the locked versions: running others would record a wrong result under it. */
function installedOtherwise(code: Code, lock: PackageLock | undefined, workspace: string): Failure | undefined {
  if (lock === undefined) return undefined;
  const root = resolve(
    workspace,
    ...lock.origin
      .split("/")
      .filter(Boolean)
      .map(() => ".."),
  );
  const versions = new Map(code.packages);
  for (const name of code.imports) {
    const locked = versions.get(name);
    let installed: string | undefined;
    try {
      installed = (
        JSON.parse(readFileSync(join(root, "node_modules", name, "package.json"), "utf8")) as { version?: string }
      ).version;
    } catch {
      // Not installed: the import itself fails, in better words.
    }
    if (locked !== undefined && installed !== undefined && installed !== locked) {
      return failure(
        "package-mismatch",
        `node_modules has ${name} ${installed}, but package-lock.json says ${locked}`,
        "npm ci",
      );
    }
  }
  return undefined;
}

function changedAt(path: string): number {
  const stats = statSync(path, { throwIfNoEntry: false });
  return stats === undefined ? 0 : Math.max(stats.mtimeMs, stats.ctimeMs);
}

function folderStamp(path: string): string {
  return String(statSync(path, { bigint: true, throwIfNoEntry: false })?.mtimeNs);
}

function failure(reason: string, message: string, remedy: string): Failure {
  return { reason, message, remedy, output: [] };
}
