/** The embedded part of Fashion-MNIST, read from the stage's declared dep files. */
import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import type { IdxArray } from "../formats/idx.ts";
import { readContent } from "./content.ts";
import type { DataFailure } from "./failure.ts";
import { EMBEDDED_COUNTS, FASHION_MNIST_FILES, type FashionMnistPart } from "./fashion-mnist.ts";

const REMEDY =
  "restore it with `git checkout -- stages/data`, or write it again with scripts/embed-fashion-mnist.ts (see stages/data/README.md)";

/** One of the four embedded files, u8 `[1000 or 200, 28, 28]` or `[1000 or 200]`. */
export async function embeddedPart(part: FashionMnistPart, files: readonly string[]): Promise<IdxArray | DataFailure> {
  const { name, shape } = FASHION_MNIST_FILES[part];
  const path = files.find((candidate) => basename(candidate) === `${name}.gz`);
  if (path === undefined) {
    return { reason: "data-missing", message: `the embedded data has no ${name}.gz`, remedy: REMEDY };
  }
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (error) {
    return { reason: "data-missing", message: `${path} cannot be read: ${(error as Error).message}`, remedy: REMEDY };
  }
  const count = part.startsWith("train") ? EMBEDDED_COUNTS.train : EMBEDDED_COUNTS.test;
  return readContent(bytes, path, { shape: [count, ...shape.slice(1)] }, REMEDY);
}
