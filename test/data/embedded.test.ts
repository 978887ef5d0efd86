import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { EMBEDDED_COUNTS, FASHION_MNIST_FILES, type FashionMnistPart } from "../../src/data/fashion-mnist.ts";
import { decodeIdx } from "../../src/formats/idx.ts";

const folder = join(import.meta.dirname, "..", "..", "stages", "data");

function read(part: FashionMnistPart) {
  const array = decodeIdx(gunzipSync(readFileSync(join(folder, `${FASHION_MNIST_FILES[part].name}.gz`))));
  if ("reason" in array) throw new Error(array.message);
  return array;
}

function labelCounts(labels: Uint8Array): number[] {
  const counts = new Array<number>(10).fill(0);
  for (const label of labels) counts[label] = (counts[label] ?? Number.NaN) + 1;
  return counts;
}

describe("the embedded Fashion-MNIST", () => {
  it("is the paper's MLP data: label counts and pixel sum of PROTOCOL A.0", () => {
    const images = read("train-images");
    const labels = read("train-labels");
    expect(images.shape).toEqual([EMBEDDED_COUNTS.train, 28, 28]);
    expect(labels.shape).toEqual([EMBEDDED_COUNTS.train]);
    expect(labelCounts(labels.values)).toEqual([107, 104, 86, 92, 95, 100, 100, 115, 102, 99]);
    expect(images.values.reduce((sum, value) => sum + value, 0)).toBe(56_558_003);
  });

  it("has 200 test images with labels of all ten classes", () => {
    const images = read("test-images");
    const labels = read("test-labels");
    expect(images.shape).toEqual([EMBEDDED_COUNTS.test, 28, 28]);
    expect(labels.shape).toEqual([EMBEDDED_COUNTS.test]);
    expect(Math.min(...labelCounts(labels.values))).toBeGreaterThan(0);
  });

  it("carries no time or machine in its gzip wrappers, so that writing it again gives the same bytes", () => {
    for (const { name } of Object.values(FASHION_MNIST_FILES)) {
      const head = readFileSync(join(folder, `${name}.gz`)).subarray(0, 10);
      // RFC 1952: flags, four bytes of mtime, and 255 for an unknown operating system.
      expect([head[3], head.readUInt32LE(4), head[9]]).toEqual([0, 0, 255]);
    }
  });

  it("has its licence beside it", () => {
    expect(readFileSync(join(folder, "LICENSE"), "utf8")).toContain("Copyright © 2017 Zalando SE");
  });
});
