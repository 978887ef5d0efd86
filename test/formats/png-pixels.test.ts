import { Resvg } from "@resvg/resvg-js";
import { describe, expect, it } from "vitest";
import { encodePng } from "../../src/formats/png.ts";
import { decodePng } from "../../src/formats/png-pixels.ts";

describe("the pixels of a PNG", () => {
  it("are those that were encoded", () => {
    const pixels = new Uint8Array(7 * 5 * 3).map((_, i) => (i * 37) % 256);
    expect(decodePng(encodePng(pixels, 7, 5))).toEqual({ width: 7, height: 5, channels: 3, data: pixels });
  });

  it("are those that a renderer of figures drew, whatever filters it chose", () => {
    // A gradient, a circle and an edge: rows that invite each filter.
    const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="61" height="47">
      <defs><linearGradient id="g" x2="1" y2="1"><stop stop-color="#f00"/><stop offset="1" stop-color="#00f"/></linearGradient></defs>
      <rect width="61" height="47" fill="url(#g)"/><circle cx="30" cy="20" r="14" fill="#0a0"/><rect x="9" y="30" width="40" height="3"/>
    </svg>`;
    const image = new Resvg(svg).render();
    expect(image.width).toBe(61);
    const decoded = decodePng(image.asPng());
    expect(decoded).toMatchObject({ width: 61, height: 47, channels: 4 });
    expect(Buffer.from(decoded!.data).equals(image.pixels)).toBe(true);
  });

  it("are undefined for what is no such PNG, whatever byte was lost", () => {
    const png = encodePng(new Uint8Array(12), 2, 2);
    expect(decodePng(Buffer.from("<svg/>"))).toBeUndefined();
    expect(decodePng(png.subarray(0, 20))).toBeUndefined();
    expect(decodePng(png.subarray(0, png.length - 20))).toBeUndefined();
    // A header that promises more than there is, or more than is wanted.
    const large = Buffer.from(png);
    large.writeUInt32BE(100_000, 16);
    large.writeUInt32BE(100_000, 20);
    expect(decodePng(large)).toBeUndefined();
    const taller = Buffer.from(png);
    taller.writeUInt32BE(3, 20);
    expect(decodePng(taller)).toBeUndefined();
  });
});
