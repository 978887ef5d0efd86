import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { embeddedPart } from "../../src/data/embedded.ts";
import { isDataFailure } from "../../src/data/failure.ts";
import { cifar10, paddedFashionMnist } from "../../src/data/image-dataset.ts";
import { drawAugmentations } from "../../src/numerics/augmentation.ts";
import images from "../../stages/images.ts";
import { readImageData } from "../../stages/shared/image-data.ts";
import { fakeBatch, gzipped, tarOf } from "./cifar10-fixture.ts";
import { fakeContext } from "./context.ts";

const source = join(import.meta.dirname, "..", "..", "stages", "data");
const embeddedFiles = readdirSync(source).map((name) => join(source, name));
const embedded = embeddedFiles.map((path) => ({ path, instance: {} }));
const archive = "cifar-10-binary.tar.gz";
const mirror = process.env.PIPELINE_DATA_MIRROR;
const hasMirror = mirror !== undefined && existsSync(join(mirror, archive));
if (!hasMirror) console.log(`skipped: the real CIFAR-10 (set PIPELINE_DATA_MIRROR to a folder with ${archive})`);

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "images-"));
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

const fromMirror = (counts = { train: 10, test: 10 }) => cifar10({ env: { PIPELINE_DATA_MIRROR: folder } }, counts);
const put = (bytes: Uint8Array): void => writeFileSync(join(folder, archive), bytes);

describe("CIFAR-10's archive", () => {
  it("that is missing is named, with the way to get it", async () => {
    expect(await fromMirror()).toEqual({
      reason: "data-missing",
      message: `PIPELINE_DATA_MIRROR has no ${join(folder, archive)}`,
      remedy: expect.stringMatching(/unset PIPELINE_DATA_MIRROR to download it/),
    });
  });

  it("with the right names and sizes but other content is refused by the member's digest", async () => {
    put(gzipped(tarOf({ "cifar-10-batches-bin/data_batch_1.bin": fakeBatch(3) })));
    expect(await fromMirror()).toMatchObject({
      reason: "data-wrong-content",
      message: expect.stringMatching(
        /has cifar-10-batches-bin\/data_batch_1\.bin in the right size.*expected cee91656/,
      ),
      remedy: expect.stringMatching(/official file there again/),
    });
  });

  it("that breaks off is truncated: in its gzip stream, and in its tar within a whole gzip stream", async () => {
    const bytes = tarOf({ "cifar-10-batches-bin/data_batch_1.bin": fakeBatch(3) });
    const zipped = gzipped(bytes);
    put(zipped.subarray(0, zipped.length / 2));
    expect(await fromMirror()).toMatchObject({
      reason: "data-truncated",
      message: expect.stringMatching(/gzip stream/),
    });
    put(gzipped(bytes.subarray(0, 1_000_000)));
    expect(await fromMirror()).toMatchObject({
      reason: "data-truncated",
      message: expect.stringMatching(/data_batch_1\.bin breaks off after 999488 of 30730000 bytes/),
    });
  });

  it("that is another archive, a web page, or has members of another size says so", async () => {
    put(gzipSync(tarOf({ "cifar-100-binary/train.bin": new Uint8Array(100) })));
    expect(await fromMirror()).toMatchObject({
      reason: "data-wrong-content",
      message: expect.stringMatching(
        /lacks cifar-10-batches-bin\/data_batch_1\.bin, cifar-10-batches-bin\/test_batch\.bin$/,
      ),
    });
    put(new TextEncoder().encode("<html>not here</html>"));
    expect(await fromMirror()).toMatchObject({ reason: "data-not-gzip" });
    put(gzipSync("<html>not here</html>".repeat(100)));
    expect(await fromMirror()).toMatchObject({
      reason: "data-wrong-content",
      message: expect.stringMatching(/no tar header/),
    });
    put(gzipSync(tarOf({ "cifar-10-batches-bin/data_batch_1.bin": new Uint8Array(3_073) })));
    expect(await fromMirror()).toMatchObject({
      reason: "data-wrong-shape",
      message: expect.stringMatching(/data_batch_1\.bin of 3073 bytes, expected 30730000/),
    });
  });

  it("that a download answers with is verified and does not stay when it is bad", async () => {
    const cache = join(folder, "gd-instabilities");
    const result = await cifar10(
      {
        env: { XDG_CACHE_HOME: folder },
        downloadFrom: ["data:application/octet-stream,nonsense?"],
        wait: async () => {},
      },
      { train: 1, test: 1 },
    );
    expect(result).toMatchObject({
      reason: "data-not-gzip",
      remedy: expect.stringMatching(/is not the official file/),
    });
    expect(readdirSync(cache)).toEqual([]);
  });

  it("has no more images than it has", async () => {
    expect(await fromMirror({ train: 50_001, test: 10 })).toMatchObject({
      reason: "data-too-few",
      message: `50001 train images are wanted of ${archive}, which has 50000`,
    });
  });

  it.skipIf(!hasMirror)("of the mirror holds the images in the official order", async () => {
    const data = await cifar10({ env: { PIPELINE_DATA_MIRROR: mirror } }, { train: 12_000, test: 1_000 });
    if (isDataFailure(data)) throw new Error(data.message);
    // The first labels of the training and the test set, as every loader shows them: frog, truck, truck, deer, car; cat, ship, ship, plane, frog.
    expect([...data.train.labels.values.subarray(0, 5)]).toEqual([6, 9, 9, 4, 1]);
    expect([...data.test.labels.values.subarray(0, 5)]).toEqual([3, 8, 8, 0, 6]);
    // The first image's first pixel, red, green, blue.
    const { values, shape } = data.train.images;
    expect(shape).toEqual([12_000, 3, 32, 32]);
    expect([values[0], values[1_024], values[2_048]]).toEqual([59, 62, 63]);
    // Two members: the first 10,000 do not depend on how many are wanted.
    const fewer = await cifar10({ env: { PIPELINE_DATA_MIRROR: mirror } }, { train: 5_000, test: 1_000 });
    if (isDataFailure(fewer)) throw new Error(fewer.message);
    expect(Buffer.compare(fewer.train.images.values, values.subarray(0, 5_000 * 3_072))).toBe(0);
    expect(fewer.fingerprint.labelCounts).toEqual([505, 460, 519, 486, 519, 488, 519, 486, 520, 498]);
  });
});

describe("the embedded images in CIFAR-10's shape", () => {
  it("are the originals in the middle of three equal planes", async () => {
    const read = (part: Parameters<typeof embeddedPart>[0]) => embeddedPart(part, embeddedFiles);
    const [data, original] = [await paddedFashionMnist(read, { train: 3, test: 2 }), await read("train-images")];
    if (isDataFailure(data) || isDataFailure(original)) throw new Error("unreadable");
    const at = (image: number, channel: number, y: number, x: number): number =>
      data.train.images.values[((image * 3 + channel) * 32 + y) * 32 + x]!;
    for (let image = 0; image < 3; image++)
      for (let channel = 0; channel < 3; channel++)
        for (let y = 0; y < 32; y++)
          for (let x = 0; x < 32; x++) {
            const inside = y >= 2 && y < 30 && x >= 2 && x < 30;
            const pixel = inside ? original.values[(image * 28 + y - 2) * 28 + x - 2] : 0;
            expect(at(image, channel, y, x)).toBe(pixel);
          }
    expect(data).toMatchObject({ name: "fashion-mnist", mean: [0.2859, 0.2859, 0.2859], std: [0.353, 0.353, 0.353] });
  });
});

describe("the images stage", () => {
  const run = (spec: object) =>
    images.run(fakeContext(folder, { spec: { source: "embedded", train: 20, test: 5, ...spec } }, { embedded }));

  it("writes what the batches read", async () => {
    await run({});
    const data = readImageData(join(folder, "data"), "train");
    expect(data).toMatchObject({ count: 20, classes: 10, imageShape: [3, 32, 32] });
    expect(data.augmentations).toBeUndefined();
    expect([...data.labels.subarray(0, 10)]).toEqual([9, 0, 0, 3, 0, 2, 7, 2, 5, 5]);
    expect(readImageData(join(folder, "data"), "test").count).toBe(5);
  });

  it("stores augmentations as a table beside the images, twice the same bytes", async () => {
    await run({ augment: { copies: 10, offsets: 9, seed: 0 } });
    const first = readFileSync(join(folder, "data"));
    // 25 images and labels, a table of three bytes an item, a header: no image is stored twice.
    expect(first.length).toBeLessThan(25 * 3_073 + 20 * 10 * 3 + 2_000);
    const data = readImageData(join(folder, "data"), "train");
    expect(data.count).toBe(200);
    const table = drawAugmentations({ seed: 0, offsets: 9, padding: 4 }, 0, 200);
    expect(data.augmentations).toEqual({ copies: 10, padding: 4, table });
    // The test set stays as it is.
    expect(readImageData(join(folder, "data"), "test")).not.toHaveProperty("augmentations");
    await run({ augment: { copies: 10, offsets: 9, seed: 0 } });
    expect(readFileSync(join(folder, "data")).equals(first)).toBe(true);
  });

  it("looks for CIFAR-10 where PIPELINE_DATA_MIRROR says", async () => {
    vi.stubEnv("PIPELINE_DATA_MIRROR", folder);
    await expect(run({ source: "cifar-10" })).rejects.toMatchObject({
      name: "StageError",
      message: expect.stringMatching(/PIPELINE_DATA_MIRROR has no .*cifar-10-binary\.tar\.gz/),
    });
  });

  it.each([{ source: "imagenet" }, { train: 0 }, { augment: { copies: 10, offsets: 10, seed: 0 } }, { augment: {} }])(
    "refuses %j with an example",
    async (spec) => {
      await expect(run(spec)).rejects.toMatchObject({
        name: "StageError",
        remedy: expect.stringMatching(/write for example/),
      });
    },
  );
});
