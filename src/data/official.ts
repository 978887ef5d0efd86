/**
 * Official files, wherever they are: the mirror that the user names, else a system package, else a copy kept in the user's
 * cache folder, else the official download into it. The content is verified each time.
 */
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import type { IdxArray } from "../formats/idx.ts";
import { CIFAR10_ARCHIVE } from "./cifar10.ts";
import { type Cifar10Splits, readCifar10 } from "./cifar10-archive.ts";
import { readContent } from "./content.ts";
import type { Counts } from "./dataset.ts";
import { download } from "./download.ts";
import { type DataFailure, isDataFailure, unreadable } from "./failure.ts";
import { FASHION_MNIST_FILES, type FashionMnistPart } from "./fashion-mnist.ts";
import {
  cacheFolder,
  DEBIAN_FASHION_MNIST,
  type Environment,
  mirrorOf,
  OFFICIAL_CIFAR10,
  OFFICIAL_FASHION_MNIST,
} from "./places.ts";

export interface OfficialOptions {
  readonly env: Environment;
  readonly onProgress?: (name: string, received: number, total: number | undefined) => void;
  readonly log?: (line: string) => void;
  readonly wait?: (milliseconds: number) => Promise<void>;
  /** Replaced in tests. */
  readonly debianFolder?: string;
  readonly downloadFrom?: readonly string[];
}

/** One of the four official files of Fashion-MNIST, u8 `[N, 28, 28]` or `[N]`, its content verified by digest. */
export function officialPart(part: FashionMnistPart, options: OfficialOptions): Promise<IdxArray | DataFailure> {
  const { name, digest, shape } = FASHION_MNIST_FILES[part];
  return find(
    {
      name,
      folder: "fashion-mnist",
      // Some distributions unpack it.
      files: [`${name}.gz`, name],
      bases: options.downloadFrom ?? OFFICIAL_FASHION_MNIST,
      package: { name: "dataset-fashion-mnist", folder: options.debianFolder ?? DEBIAN_FASHION_MNIST },
      howToGet:
        "run again with a network, or install Debian's dataset-fashion-mnist, or set PIPELINE_DATA_MIRROR to a folder (or https: URL) with fashion-mnist/*.gz; or use the embedded data (--profile quick)",
      async read(path, remedy) {
        try {
          return readContent(await readFile(path), path, { digest, shape }, remedy);
        } catch (error) {
          const { code, message } = error as NodeJS.ErrnoException;
          return code === "ENOENT" || code === "ENOTDIR" ? "absent" : unreadable(path, message);
        }
      },
    },
    options,
  );
}

/** The first images of CIFAR-10 in the official order, u8 `[N, 3, 32, 32]` with labels `[N]`, verified by digest. */
export function officialCifar10(counts: Counts, options: OfficialOptions): Promise<Cifar10Splits | DataFailure> {
  return find(
    {
      name: CIFAR10_ARCHIVE,
      folder: "",
      files: [CIFAR10_ARCHIVE],
      bases: options.downloadFrom ?? OFFICIAL_CIFAR10,
      howToGet: `run again with a network (170 MB, kept for later), or set PIPELINE_DATA_MIRROR to a folder (or https: URL) with ${CIFAR10_ARCHIVE}; or use the embedded data (--profile quick)`,
      read: (path, remedy) => readCifar10(path, counts, remedy),
    },
    options,
  );
}

interface Source<T> {
  /** What progress calls it. */
  readonly name: string;
  /** Where it lies below a mirror and below the cache folder; empty for the top. */
  readonly folder: string;
  /** Its names, the one that is downloaded first. */
  readonly files: readonly string[];
  /** URLs of the folders that have it. */
  readonly bases: readonly string[];
  /** A system package that brings it. */
  readonly package?: { readonly name: string; readonly folder: string };
  readonly howToGet: string;
  /** `remedy`: what to do when the file is bad. */
  read(path: string, remedy: string): Promise<T | "absent" | DataFailure>;
}

async function find<T extends object>(source: Source<T>, options: OfficialOptions): Promise<T | DataFailure> {
  const mirror = mirrorOf(options.env);
  if (mirror !== undefined && "reason" in mirror) return mirror;
  if (mirror?.type === "folder") {
    const folder = join(mirror.path, source.folder);
    const remedy = "copy the official file there again, or unset PIPELINE_DATA_MIRROR to download it";
    const found = await readAny(source, folder, remedy);
    if (found !== "absent") return found.value;
    return {
      reason: "data-missing",
      message: `PIPELINE_DATA_MIRROR has no ${join(folder, source.files[0]!)}`,
      remedy: "put the official file there, or unset PIPELINE_DATA_MIRROR to download it",
    };
  }
  if (mirror === undefined && source.package !== undefined) {
    const { name, folder } = source.package;
    const found = await readAny(source, folder, `reinstall ${name}, or set PIPELINE_DATA_MIRROR to a good copy`);
    // One that cannot be read is as good as none: the download is next.
    if (found !== "absent" && !(isDataFailure(found.value) && found.value.reason === "data-missing"))
      return found.value;
  }
  const bases = mirror === undefined ? source.bases : [[mirror.base, source.folder].filter(Boolean).join("/")];
  return cached(source, bases, options);
}

async function cached<T extends object>(
  source: Source<T>,
  bases: readonly string[],
  options: OfficialOptions,
): Promise<T | DataFailure> {
  const { howToGet, name } = source;
  const folder = join(cacheFolder(options.env), source.folder);
  const target = join(folder, source.files[0]!);
  const kept = await readAny(source, folder, howToGet);
  if (kept !== "absent") {
    if (!isDataFailure(kept.value)) return kept.value;
    options.log?.(`${kept.value.message}; downloading it again`);
    if (kept.value.reason !== "data-missing") await rm(kept.path, { force: true });
  }
  const outcome = await download({
    urls: bases.map((base) => `${base}/${source.files[0]!}`),
    target,
    remedy: howToGet,
    ...(options.onProgress && { onProgress: (received, total) => options.onProgress?.(name, received, total) }),
    ...(options.wait && { wait: options.wait }),
  });
  if (outcome !== "done") return outcome;
  const found = await readAny(source, folder, `what ${bases.join(" and ")} sent is not the official file; ${howToGet}`);
  if (found === "absent")
    return { reason: "data-missing", message: `${target} vanished after its download`, remedy: howToGet };
  // A bad file must not wait in the cache for the next run.
  if (isDataFailure(found.value)) await rm(found.path, { force: true });
  return found.value;
}

interface Found<T> {
  readonly path: string;
  readonly value: T | DataFailure;
}

async function readAny<T>({ files, read }: Source<T>, folder: string, remedy: string): Promise<Found<T> | "absent"> {
  for (const file of files) {
    const path = join(folder, file);
    const value = await read(path, remedy);
    if (value !== "absent") return { path, value };
  }
  return "absent";
}
