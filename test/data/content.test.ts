import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { readContent, sha256 } from "../../src/data/content.ts";
import { encodeIdx } from "../../src/formats/idx.ts";

const array = { shape: [4, 2], values: new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8]) };
const content = encodeIdx(array);
const expectation = { digest: sha256(content), shape: [4, 2] };
const read = (bytes: Uint8Array) => readContent(bytes, "mirror/labels.gz", expectation, "fetch it again");

describe("the content of a data file", () => {
  it("is the same from a gzipped and from a plain file", () => {
    expect(read(gzipSync(content))).toEqual(array);
    expect(read(content)).toEqual(array);
  });

  it.each([
    [
      "a cut gzip stream",
      gzipSync(content).subarray(0, 20),
      "data-truncated",
      /labels\.gz is truncated.*after 20 bytes/,
    ],
    ["a cut plain file", content.subarray(0, 15), "data-truncated", /labels\.gz is truncated: 15 bytes.*announces 20/],
    ["an empty file", new Uint8Array(), "data-truncated", /labels\.gz is empty/],
    ["a web page", new TextEncoder().encode("<html>denied</html>"), "data-not-gzip", /"<html>denied</],
    [
      "a gzipped stranger",
      gzipSync("hello world, I am text"),
      "data-wrong-content",
      /not the data file.*"hello world, I a"/,
    ],
    [
      "another count",
      gzipSync(encodeIdx({ shape: [3, 2], values: new Uint8Array(6) })),
      "data-wrong-shape",
      /\[3, 2\], expected \[4, 2\]/,
    ],
    [
      "another content",
      gzipSync(encodeIdx({ shape: [4, 2], values: new Uint8Array(8) })),
      "data-wrong-content",
      /right shape but not the official content: SHA-256 [0-9a-f]{64}/,
    ],
    ["another type", gzipSync(new Uint8Array([0, 0, 0x0d, 1, 0, 0, 0, 0])), "data-wrong-content", /0x0d/],
  ])("is refused by name for %s", (_, bytes, reason, message) => {
    expect(read(bytes)).toEqual({ reason, message: expect.stringMatching(message), remedy: "fetch it again" });
  });

  it("is refused when bytes in the middle of the gzip stream are flipped", () => {
    const bytes = new Uint8Array(gzipSync(content));
    for (let i = 12; i < bytes.length - 8; i++) bytes[i] = bytes[i]! ^ 0xff;
    expect(read(bytes)).toMatchObject({
      reason: "data-wrong-content",
      message: expect.stringMatching(/labels\.gz is damaged/),
    });
  });
});
