/**
 * Writes the embedded data set: Fashion-MNIST's first 1,000 training and first 200 test images with their labels, as
 * gzipped IDX files in `stages/data/`.
 *
 *     PIPELINE_DATA_MIRROR=/path/to/mirror node scripts/run-ts.js scripts/embed-fashion-mnist.ts
 *
 * The mirror is a folder with `fashion-mnist/train-images-idx3-ubyte.gz` and the other three official files. Their content
 * is verified first. The wrapper is deterministic (no name, no time, unknown operating system), so running this again
 * writes the same bytes wherever zlib is the same.
 */
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { EMBEDDED_COUNTS, FASHION_MNIST_FILES, FASHION_MNIST_PARTS } from "../src/data/fashion-mnist.ts";
import { decodeIdx, encodeIdx, takeFirst } from "../src/formats/idx.ts";

const GZIP_OS_BYTE = 9;
const UNKNOWN_OS = 255;

const mirror = process.env.PIPELINE_DATA_MIRROR;
if (mirror === undefined) throw new Error("set PIPELINE_DATA_MIRROR to a folder with fashion-mnist/*.gz");

const folder = join(process.cwd(), "stages", "data");
mkdirSync(folder, { recursive: true });
for (const part of FASHION_MNIST_PARTS) {
  const { name, digest } = FASHION_MNIST_FILES[part];
  const source = join(mirror, "fashion-mnist", `${name}.gz`);
  const content = gunzipSync(readFileSync(source));
  const found = createHash("sha256").update(content).digest("hex");
  if (found !== digest)
    throw new Error(`${source}: its content has the digest ${found}, the official one is ${digest}`);
  const array = decodeIdx(content);
  if ("reason" in array) throw new Error(`${source}: ${array.message}`);
  const count = part.startsWith("train") ? EMBEDDED_COUNTS.train : EMBEDDED_COUNTS.test;
  const wrapped = gzipSync(encodeIdx(takeFirst(array, count)), { level: 9 });
  wrapped[GZIP_OS_BYTE] = UNKNOWN_OS;
  writeFileSync(join(folder, `${name}.gz`), wrapped);
  process.stdout.write(`${name}.gz: ${count} of ${array.shape[0]}, ${wrapped.length} bytes\n`);
}
