import { inflateSync } from "node:zlib";
import { Resvg } from "@resvg/resvg-js";
import { expect, it } from "vitest";
import { encodePng } from "../../src/formats/png.ts";

it("an encoded picture decodes to its pixels, by zlib and by an independent decoder", () => {
  const [width, height] = [5, 7];
  const pixels = Uint8Array.from({ length: width * height * 3 }, (_, i) => (i * 83) % 256);
  const png = Buffer.from(encodePng(pixels, width, height));
  const at = png.indexOf("IDAT");
  const rows = inflateSync(png.subarray(at + 4, at + 4 + png.readUInt32BE(at - 4)));
  for (let y = 0; y < height; y++) {
    expect(rows[y * (3 * width + 1)]).toBe(0);
    expect([...rows.subarray(y * (3 * width + 1) + 1, (y + 1) * (3 * width + 1))]).toEqual([
      ...pixels.subarray(y * 3 * width, (y + 1) * 3 * width),
    ]);
  }
  // resvg refuses files with a wrong checksum: it would draw nothing, and leave the background.
  const image = `<image width="${width}" height="${height}" style="image-rendering:pixelated" href="data:image/png;base64,${png.toString("base64")}"/>`;
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">${image}</svg>`;
  const drawn = new Resvg(svg).render().pixels;
  for (let p = 0; p < width * height; p++)
    expect([...drawn.subarray(4 * p, 4 * p + 3)]).toEqual([...pixels.subarray(3 * p, 3 * p + 3)]);
});

it("pictures of the wrong size, or too large for one block, are refused", () => {
  expect(() => encodePng(new Uint8Array(10), 2, 2)).toThrow("10 bytes are not 2 × 2 pixels");
  expect(() => encodePng(new Uint8Array(3 * 160 * 160), 160, 160)).toThrow("do not fit one stored block");
});
