/**
 * The official Fashion-MNIST files, wherever they are: the mirror that the user names, else Debian's package, else a copy
 * kept in the user's cache folder, else the official download into it. The content is verified each time.
 */
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import type { IdxArray } from "../formats/idx.ts";
import { readContent } from "./content.ts";
import { download } from "./download.ts";
import { type DataFailure, isDataFailure } from "./failure.ts";
import { FASHION_MNIST_FILES, type FashionMnistPart } from "./fashion-mnist.ts";
import { cacheFolder, DEBIAN_FASHION_MNIST, type Environment, mirrorOf, OFFICIAL_FASHION_MNIST } from "./places.ts";

export interface OfficialOptions {
  readonly env: Environment;
  readonly onProgress?: (name: string, received: number, total: number | undefined) => void;
  readonly log?: (line: string) => void;
  readonly wait?: (milliseconds: number) => Promise<void>;
  /** Replaced in tests. */
  readonly debianFolder?: string;
  readonly downloadFrom?: readonly string[];
}

const HOW_TO_GET =
  "run again with a network, or install Debian's dataset-fashion-mnist, or set PIPELINE_DATA_MIRROR to a folder (or https: URL) with fashion-mnist/*.gz; or use the embedded data (--profile quick)";

/** One of the four official files, u8 `[N, 28, 28]` or `[N]`, its content verified by digest. */
export async function officialPart(part: FashionMnistPart, options: OfficialOptions): Promise<IdxArray | DataFailure> {
  const { name } = FASHION_MNIST_FILES[part];
  const mirror = mirrorOf(options.env);
  if (mirror !== undefined && "reason" in mirror) return mirror;
  if (mirror?.type === "folder") {
    const folder = join(mirror.path, "fashion-mnist");
    const file = await readEither(folder, name);
    if (isDataFailure(file)) return file;
    if (file !== "absent") {
      return verified(part, file, "copy the official file there again, or unset PIPELINE_DATA_MIRROR to download it");
    }
    return {
      reason: "data-missing",
      message: `PIPELINE_DATA_MIRROR has no ${join(folder, `${name}.gz`)}`,
      remedy: "put the official file there, or unset PIPELINE_DATA_MIRROR to download it",
    };
  }
  if (mirror === undefined) {
    const file = await readEither(options.debianFolder ?? DEBIAN_FASHION_MNIST, name);
    if (!isDataFailure(file) && file !== "absent") {
      return verified(part, file, "reinstall dataset-fashion-mnist, or set PIPELINE_DATA_MIRROR to a good copy");
    }
  }
  const bases =
    mirror === undefined ? (options.downloadFrom ?? OFFICIAL_FASHION_MNIST) : [`${mirror.base}/fashion-mnist`];
  return cached(part, bases, options);
}

async function cached(
  part: FashionMnistPart,
  bases: readonly string[],
  options: OfficialOptions,
): Promise<IdxArray | DataFailure> {
  const { name } = FASHION_MNIST_FILES[part];
  const folder = join(cacheFolder(options.env), "fashion-mnist");
  const target = join(folder, `${name}.gz`);
  const kept = await readEither(folder, name);
  if (!isDataFailure(kept) && kept !== "absent") {
    const array = verified(part, kept, HOW_TO_GET);
    if (!isDataFailure(array)) return array;
    options.log?.(`${array.message}; downloading it again`);
    await rm(kept.path, { force: true });
  }
  const outcome = await download({
    urls: bases.map((base) => `${base}/${name}.gz`),
    target,
    remedy: HOW_TO_GET,
    ...(options.onProgress && { onProgress: (received, total) => options.onProgress?.(name, received, total) }),
    ...(options.wait && { wait: options.wait }),
  });
  if (outcome !== "done") return outcome;
  const file = await readEither(folder, name);
  if (isDataFailure(file)) return file;
  if (file === "absent")
    return { reason: "data-missing", message: `${target} vanished after its download`, remedy: HOW_TO_GET };
  const array = verified(part, file, `what ${bases.join(" and ")} sent is not the official file; ${HOW_TO_GET}`);
  // A bad file must not wait in the cache for the next run.
  if (isDataFailure(array)) await rm(file.path, { force: true });
  return array;
}

interface FoundFile {
  readonly path: string;
  readonly bytes: Uint8Array;
}

/** `NAME.gz` or, as some distributions unpack it, `NAME`. */
async function readEither(folder: string, name: string): Promise<FoundFile | "absent" | DataFailure> {
  for (const path of [join(folder, `${name}.gz`), join(folder, name)]) {
    try {
      return { path, bytes: await readFile(path) };
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (code === "ENOENT" || code === "ENOTDIR") continue;
      return {
        reason: "data-missing",
        message: `${path} cannot be read: ${message}`,
        remedy: "make the file readable, and name its folder under reads: of the stage in pipeline.yaml",
      };
    }
  }
  return "absent";
}

function verified(part: FashionMnistPart, file: FoundFile, remedy: string): IdxArray | DataFailure {
  const { digest, shape } = FASHION_MNIST_FILES[part];
  return readContent(file.bytes, file.path, { digest, shape }, remedy);
}
