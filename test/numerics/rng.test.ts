import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  inverseNormalCdf,
  philox,
  standardNormal,
  TRUNCATED_STD,
  truncatedNormal,
  uniform,
} from "../../src/numerics/rng.ts";

const hex = (words: readonly number[]): string => words.map((word) => word.toString(16).padStart(8, "0")).join(" ");

describe("Philox4x32-10", () => {
  // The known answers that come with its authors' Random123 library (kat_vectors).
  it.each([
    [[0, 0, 0, 0], [0, 0], "6627e8d5 e169c58d bc57ac4c 9b00dbd8"],
    [[0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff], [0xffffffff, 0xffffffff], "408f276d 41c83b0e a20bc7c6 6d5451fd"],
    [[0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344], [0xa4093822, 0x299f31d0], "d16cfe09 94fdcceb 5001e420 24126ea1"],
  ] as const)("known answer %#", (counter, key, expected) => {
    expect(hex(philox(counter, key))).toBe(expected);
  });
});

describe("streams", () => {
  it("any part can be made alone", () => {
    fc.assert(
      fc.property(fc.nat(2 ** 40), fc.nat(50), fc.nat(50), (seed, start, count) => {
        const stream = { seed, name: "part" };
        expect(uniform(stream, count, start)).toEqual(uniform(stream, start + count).slice(start));
      }),
    );
  });

  it("differ between seeds, also beyond 32 bits, and between names", () => {
    const first = (seed: number, name: string): number => uniform({ seed, name }, 1)[0]!;
    const values = [first(0, "a"), first(1, "a"), first(2 ** 32, "a"), first(0, "b"), first(0, "")];
    expect(new Set(values).size).toBe(values.length);
    expect(() => uniform({ seed: -1, name: "a" }, 1)).toThrow(/seed/);
  });

  it("have the moments of their distributions", () => {
    const count = 100_000;
    const stream = { seed: 7, name: "moments" };
    const moment = (values: Float64Array, power: number): number =>
      values.reduce((total, value) => total + value ** power, 0) / values.length;
    // Five standard errors of each mean: std/√count.
    const bound = (std: number): number => (5 * std) / Math.sqrt(count);
    const u = uniform(stream, count);
    expect(Math.abs(moment(u, 1) - 1 / 2)).toBeLessThan(bound(Math.sqrt(1 / 12)));
    expect(Math.abs(moment(u, 2) - 1 / 3)).toBeLessThan(bound(Math.sqrt(4 / 45)));
    const z = standardNormal(stream, count);
    expect(Math.abs(moment(z, 1))).toBeLessThan(bound(1));
    expect(Math.abs(moment(z, 2) - 1)).toBeLessThan(bound(Math.sqrt(2)));
    expect(Math.abs(moment(z, 4) - 3)).toBeLessThan(bound(Math.sqrt(96)));
    const t = truncatedNormal(stream, count);
    expect(Math.max(...t.slice(0, 10_000).map(Math.abs))).toBeLessThanOrEqual(2);
    expect(Math.abs(moment(t, 1))).toBeLessThan(bound(TRUNCATED_STD));
    expect(Math.abs(moment(t, 2) - TRUNCATED_STD ** 2)).toBeLessThan(bound(1));
  });
});

describe("the inverse of the normal distribution function", () => {
  // Standard tables; the last by bisection of erfc.
  it.each([
    [0.5, 0],
    [0.975, 1.959963984540054],
    [0.995, 2.5758293035489004],
    [0.9986501019683699, 3],
    [1e-10, -6.361340902404056],
    [1e-300, -37.04709629936121],
  ])("Φ⁻¹(%d)", (p, x) => {
    expect(Math.abs(inverseNormalCdf(p) - x)).toBeLessThanOrEqual(1e-10 * Math.max(1, Math.abs(x)));
  });

  it("is odd about one half", () => {
    fc.assert(
      fc.property(fc.double({ min: 2 ** -20, max: 0.5, noNaN: true }), (q) => {
        // p and 1 − p both exact.
        const p = Math.round(q * 2 ** 40) / 2 ** 40;
        expect(inverseNormalCdf(1 - p)).toBeCloseTo(-inverseNormalCdf(p), 12);
      }),
    );
  });

  it("Φ(2) and the truncated deviation: PROTOCOL A.0's .87963", () => {
    expect(TRUNCATED_STD).toBeCloseTo(0.87963, 5);
    // σ² = 1 − 2·2φ(2)/(Φ(2) − Φ(−2)).
    const density = Math.exp(-2) / Math.sqrt(2 * Math.PI);
    expect(TRUNCATED_STD).toBeCloseTo(Math.sqrt(1 - (4 * density) / 0.9544997361036416), 14);
    expect(inverseNormalCdf(0.5 + 0.9544997361036416 / 2)).toBeCloseTo(2, 14);
  });
});
