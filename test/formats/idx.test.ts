import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeIdx, encodeIdx, takeFirst } from "../../src/formats/idx.ts";

const arrays = fc
  .array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 4 })
  .chain((shape) =>
    fc
      .uint8Array({ minLength: shape.reduce((a, b) => a * b), maxLength: shape.reduce((a, b) => a * b) })
      .map((values) => ({ shape, values })),
  );

describe("IDX", () => {
  it("reads back what it writes", () => {
    fc.assert(
      fc.property(arrays, (array) => {
        expect(decodeIdx(encodeIdx(array))).toEqual(array);
      }),
    );
  });

  it("refuses every proper prefix and every suffix", () => {
    fc.assert(
      fc.property(arrays, fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }), (array, fraction) => {
        const bytes = encodeIdx(array);
        const cut = decodeIdx(bytes.subarray(0, Math.floor(bytes.length * fraction)));
        expect(cut).toHaveProperty("reason");
        expect(decodeIdx(new Uint8Array([...bytes, 0]))).toMatchObject({ reason: "idx-trailing-bytes" });
      }),
    );
  });

  it("shows the beginning of a file that is no IDX", () => {
    const page = new TextEncoder().encode("<!DOCTYPE html><html>proxy login</html>");
    expect(decodeIdx(page)).toEqual({
      reason: "idx-not-idx",
      message: 'no IDX header: it begins with "<!DOCTYPE html><"',
    });
    expect(decodeIdx(new Uint8Array())).toMatchObject({
      reason: "idx-not-idx",
      message: expect.stringMatching(/empty/),
    });
  });

  it("refuses other value types by their number", () => {
    expect(decodeIdx(new Uint8Array([0, 0, 0x0d, 1, 0, 0, 0, 0]))).toMatchObject({
      reason: "idx-unsupported-type",
      message: expect.stringMatching(/0x0d/),
    });
  });

  it("takes the first items along the leading axis", () => {
    const array = { shape: [3, 2], values: new Uint8Array([1, 2, 3, 4, 5, 6]) };
    expect(takeFirst(array, 2)).toEqual({ shape: [2, 2], values: new Uint8Array([1, 2, 3, 4]) });
    expect(takeFirst(array, 9)).toEqual(array);
  });
});
