import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inflateSync } from "node:zlib";
import { expect, it, onTestFinished } from "vitest";
import augmentations from "../../stages/augmentations.ts";
import { contactSheet } from "../../stages/figures/augmentations.ts";
import images from "../../stages/images.ts";
import { readImageData } from "../../stages/shared/image-data.ts";
import { fakeContext } from "../data/context.ts";

const source = join(import.meta.dirname, "..", "..", "stages", "data");
const embedded = readdirSync(source).map((name) => ({ path: join(source, name), instance: {} }));

async function dataset(augment?: object): Promise<{ readonly folder: string; readonly path: string }> {
  const folder = mkdtempSync(join(tmpdir(), "sheet-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const spec = { source: "embedded", train: 20, test: 5, ...(augment && { augment }) };
  await images.run(fakeContext(folder, { spec } as never, { embedded }));
  return { folder, path: join(folder, "data") };
}

/** RGB of one cell of the sheet. */
function pixelsOf(url: unknown): number[] {
  const png = Buffer.from(String(url).split(",")[1]!, "base64");
  const at = png.indexOf("IDAT");
  const rows = inflateSync(png.subarray(at + 4, at + 4 + png.readUInt32BE(at - 4)));
  return [...rows].filter((_, i) => i % 97 !== 0);
}

it("each row is an image, byte for byte, then its copies in order", async () => {
  const { path } = await dataset({ copies: 3, offsets: 9, seed: 1 });
  const data = readImageData(path, "train");
  const classes = Array.from({ length: 10 }, (_, i) => `class ${i}`);
  const sheet = contactSheet(data, classes);
  expect(sheet).toHaveLength(8 * 4);
  expect(sheet.slice(0, 5).map(({ row, copy }) => `${row}: ${copy}`)).toEqual([
    "1. class 9: image",
    "1. class 9: 1",
    "1. class 9: 2",
    "1. class 9: 3",
    "2. class 0: image",
  ]);
  for (let image = 0; image < 8; image++) {
    const pixels = pixelsOf(sheet[4 * image]!.url);
    const planes = data.images.subarray(image * 3_072, (image + 1) * 3_072);
    for (let p = 0; p < 1_024; p++)
      expect(pixels.slice(3 * p, 3 * p + 3)).toEqual([planes[p], planes[1_024 + p], planes[2_048 + p]]);
  }
  // Shifted by two rows or more, a copy shows the padding: zero after normalising, which is the mean's gray.
  const gray = Math.round(255 * 0.2859);
  const moved = Array.from({ length: 24 }, (_, item) => item).find(
    (item) => data.augmentations!.table[3 * item + 1]! < 4,
  )!;
  const copy = pixelsOf(sheet[Math.floor(moved / 3) * 4 + 1 + (moved % 3)]!.url);
  expect(copy.slice(0, 96)).toEqual(new Array(96).fill(gray));
});

it("the stage draws the same bytes twice, also where nothing is augmented", async () => {
  for (const augment of [{ copies: 2, offsets: 9, seed: 0 }, undefined]) {
    const { folder, path } = await dataset(augment);
    const draw = async (): Promise<Buffer[]> => {
      await augmentations.run(fakeContext(folder, {}, { data: [{ path, instance: {} }] }));
      return ["spec", "svg", "png"].map((out) => readFileSync(join(folder, out)));
    };
    const first = await draw();
    expect(await draw()).toEqual(first);
    const pictures = first[1]!.toString().match(/<image /g);
    expect(pictures).toHaveLength(8 * (1 + (augment?.copies ?? 0)));
  }
});
