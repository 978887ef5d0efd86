import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { gunzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { fashionMnist, PAPER_FINGERPRINT } from "../../src/data/dataset.ts";
import { embeddedPart } from "../../src/data/embedded.ts";
import { officialPart } from "../../src/data/official.ts";
import { cacheFolder, mirrorOf } from "../../src/data/places.ts";

const embedded = join(import.meta.dirname, "..", "..", "stages", "data");
const embeddedFiles = readdirSync(embedded).map((name) => join(embedded, name));
const labels = "t10k-labels-idx1-ubyte";
const mirror = process.env.PIPELINE_DATA_MIRROR;
const hasMirror = mirror !== undefined && existsSync(join(mirror, "fashion-mnist"));
if (!hasMirror)
  console.log("skipped: the official files (set PIPELINE_DATA_MIRROR to a folder with fashion-mnist/*.gz)");

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "official-"));
  mkdirSync(join(folder, "fashion-mnist"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe("the embedded data set", () => {
  it("is the paper's, by its fingerprint", async () => {
    const dataset = await fashionMnist((part) => embeddedPart(part, embeddedFiles), { train: 1000, test: 200 });
    expect(dataset).toMatchObject({ name: "fashion-mnist", mean: 0.2859, std: 0.353, fingerprint: PAPER_FINGERPRINT });
  });

  it("refuses more than it has, with the way to have more", async () => {
    const read = (part: Parameters<typeof embeddedPart>[0]) => embeddedPart(part, embeddedFiles);
    expect(await fashionMnist(read, { train: 2000, test: 200 })).toEqual({
      reason: "data-too-few",
      message: "2000 images are wanted of train-images-idx3-ubyte, which has 1000 here",
      remedy: expect.stringMatching(/source: official/),
    });
  });

  it("names a missing and a damaged file", async () => {
    expect(await embeddedPart("train-labels", [])).toMatchObject({
      reason: "data-missing",
      message: "the embedded data has no train-labels-idx1-ubyte.gz",
    });
    const cut = join(folder, "train-labels-idx1-ubyte.gz");
    writeFileSync(cut, readFileSync(join(embedded, "train-labels-idx1-ubyte.gz")).subarray(0, 100));
    expect(await embeddedPart("train-labels", [cut])).toMatchObject({
      reason: "data-truncated",
      remedy: expect.stringMatching(/git checkout/),
    });
  });

  it("refuses 1,000 images in another order than the paper's", async () => {
    const read = async (part: Parameters<typeof embeddedPart>[0]) => {
      const array = await embeddedPart(part, embeddedFiles);
      if ("reason" in array || part !== "train-labels") return array;
      return { shape: array.shape, values: array.values.map((label) => (label + 1) % 10) };
    };
    expect(await fashionMnist(read, { train: 1000, test: 200 })).toMatchObject({
      reason: "data-wrong-content",
      message: expect.stringMatching(/not the paper's: label counts 99, 107/),
    });
  });
});

describe("the official files", () => {
  it("are asked of the named mirror alone: what it lacks is an error, not a silent download", async () => {
    const result = await officialPart("test-labels", { env: { PIPELINE_DATA_MIRROR: folder } });
    expect(result).toMatchObject({
      reason: "data-missing",
      message: `PIPELINE_DATA_MIRROR has no ${join(folder, "fashion-mnist", `${labels}.gz`)}`,
    });
  });

  it("are refused when the embedded part poses as them", async () => {
    cpSync(join(embedded, `${labels}.gz`), join(folder, "fashion-mnist", `${labels}.gz`));
    const result = await officialPart("test-labels", { env: { PIPELINE_DATA_MIRROR: pathToFileURL(folder).href } });
    expect(result).toMatchObject({
      reason: "data-wrong-shape",
      message: expect.stringMatching(/t10k-labels-idx1-ubyte\.gz holds \[200\], expected \[10000\]/),
    });
  });

  it("that went bad in the cache are fetched again, and a bad answer does not stay there", async () => {
    const kept = join(folder, "gd-instabilities", "fashion-mnist");
    mkdirSync(kept, { recursive: true });
    writeFileSync(join(kept, `${labels}.gz`), "not the data");
    const lines: string[] = [];
    const result = await officialPart("test-labels", {
      env: { XDG_CACHE_HOME: folder },
      debianFolder: join(folder, "nowhere"),
      downloadFrom: ["http://127.0.0.1:9"],
      log: (line) => lines.push(line),
      wait: async () => {},
    });
    expect(lines).toEqual([expect.stringMatching(/is not the data file.*downloading it again/)]);
    expect(result).toMatchObject({
      reason: "data-unreachable",
      remedy: expect.stringMatching(/dataset-fashion-mnist/),
    });
    expect(readdirSync(kept)).toEqual([]);
  });

  it.skipIf(!hasMirror)("of a mirror are verified and hold the paper's first thousand", async () => {
    const env = { PIPELINE_DATA_MIRROR: mirror };
    const dataset = await fashionMnist((part) => officialPart(part, { env }), { train: 1000, test: 10_000 });
    expect(dataset).toMatchObject({ fingerprint: PAPER_FINGERPRINT, test: { images: { shape: [10_000, 28, 28] } } });
  });

  it.skipIf(!hasMirror)("of Debian's package serve, gzipped or unpacked", async () => {
    const bytes = readFileSync(join(mirror ?? "", "fashion-mnist", `${labels}.gz`));
    for (const [name, content] of [
      [`${labels}.gz`, bytes],
      [labels, gunzipSync(bytes)],
    ] as const) {
      const debianFolder = join(folder, `debian-${name}`);
      mkdirSync(debianFolder);
      writeFileSync(join(debianFolder, name), content);
      const result = await officialPart("test-labels", {
        env: { XDG_CACHE_HOME: folder },
        debianFolder,
        downloadFrom: [],
      });
      expect(result).toMatchObject({ shape: [10_000] });
    }
  });
});

describe("places", () => {
  it("reads a mirror as path, file: or https: URL and refuses others", () => {
    expect(mirrorOf({})).toBeUndefined();
    expect(mirrorOf({ PIPELINE_DATA_MIRROR: "/data" })).toEqual({ type: "folder", path: "/data" });
    expect(mirrorOf({ PIPELINE_DATA_MIRROR: "file:///data/a%20b" })).toEqual({ type: "folder", path: "/data/a b" });
    expect(mirrorOf({ PIPELINE_DATA_MIRROR: "https://host/x/" })).toEqual({ type: "url", base: "https://host/x" });
    expect(mirrorOf({ PIPELINE_DATA_MIRROR: "s3://bucket" })).toMatchObject({ reason: "data-bad-mirror" });
    expect(mirrorOf({ PIPELINE_DATA_MIRROR: "file://host/x" })).toMatchObject({ reason: "data-bad-mirror" });
  });

  it("keeps to the XDG specification: an absolute XDG_CACHE_HOME, else ~/.cache", () => {
    expect(cacheFolder({ XDG_CACHE_HOME: "/c" })).toBe("/c/gd-instabilities");
    expect(cacheFolder({ XDG_CACHE_HOME: "relative" })).toMatch(/\.cache\/gd-instabilities$/);
  });
});
