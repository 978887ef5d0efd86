import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { PAPER_FINGERPRINT } from "../../src/data/dataset.ts";
import { isSafetensorsFailure, readSafetensorsHeader, readTensor } from "../../src/formats/safetensors.ts";
import dataset from "../../stages/dataset.ts";
import { fakeContext } from "./context.ts";

const source = join(import.meta.dirname, "..", "..", "stages", "data");
const embedded = readdirSync(source)
  .filter((name) => name.endsWith(".gz"))
  .map((name) => ({ path: join(source, name), instance: {} }));

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "dataset-"));
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

const spec = (value: object) => ({ spec: { source: "embedded", train: 1000, test: 200, ...value } });

describe("the dataset stage", () => {
  it("writes bytes, labels and what normalises them", async () => {
    await dataset.run(fakeContext(folder, spec({}), { embedded }));
    const header = readSafetensorsHeader(join(folder, "data"));
    if (isSafetensorsFailure(header)) throw new Error(header.message);
    const shapes = Object.fromEntries(Object.entries(header.tensors).map(([name, { shape }]) => [name, shape]));
    expect(shapes).toEqual({
      "train.images": [1000, 28, 28],
      "train.labels": [1000],
      "test.images": [200, 28, 28],
      "test.labels": [200],
    });
    expect(header.metadata).toMatchObject({ name: "fashion-mnist", mean: "0.2859", std: "0.353" });
    expect(JSON.parse(header.metadata.classes ?? "")).toHaveLength(10);
    expect(JSON.parse(header.metadata.fingerprint ?? "")).toEqual(PAPER_FINGERPRINT);
    const images = readTensor(join(folder, "data"), "train.images", { dtype: "u8" });
    if (isSafetensorsFailure(images)) throw new Error(images.message);
    expect((images.data as Uint8Array).reduce((sum, value) => sum + value, 0)).toBe(PAPER_FINGERPRINT.pixelSum);
  });

  it("takes the first ones when fewer are asked for", async () => {
    await dataset.run(fakeContext(folder, spec({ train: 10, test: 5 }), { embedded }));
    const labels = readTensor(join(folder, "data"), "train.labels", {});
    // The first labels of Fashion-MNIST's training set, as its documentation shows them.
    expect(labels).toMatchObject({ shape: [10], data: new Uint8Array([9, 0, 0, 3, 0, 2, 7, 2, 5, 5]) });
  });

  it("refuses a truncated file by name, with the remedy", async () => {
    const cut = embedded.map(({ path, instance }) => {
      if (!path.includes("train-images")) return { path, instance };
      const copy = join(folder, "train-images-idx3-ubyte.gz");
      writeFileSync(copy, readFileSync(path).subarray(0, 100_000));
      return { path: copy, instance };
    });
    await expect(dataset.run(fakeContext(folder, spec({}), { embedded: cut }))).rejects.toMatchObject({
      name: "StageError",
      message: expect.stringMatching(/train-images-idx3-ubyte\.gz is truncated/),
      remedy: expect.stringMatching(/git checkout/),
    });
  });

  it("looks for official files where PIPELINE_DATA_MIRROR says", async () => {
    vi.stubEnv("PIPELINE_DATA_MIRROR", folder);
    await expect(dataset.run(fakeContext(folder, spec({ source: "official" })))).rejects.toMatchObject({
      message: expect.stringMatching(/PIPELINE_DATA_MIRROR has no .*train-images-idx3-ubyte\.gz/),
    });
  });

  it("refuses params that name no data set", async () => {
    await expect(dataset.run(fakeContext(folder, spec({ source: "imagenet" })))).rejects.toMatchObject({
      name: "StageError",
      message: expect.stringMatching(/imagenet/),
    });
  });
});
