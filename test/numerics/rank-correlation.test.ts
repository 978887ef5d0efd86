import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { rankCorrelation, ranks } from "../../src/numerics/rank-correlation.ts";

describe("ranks", () => {
  it("give ties their mean", () => {
    expect(ranks([10, 20, 20, 5])).toEqual([2, 3.5, 3.5, 1]);
    expect(ranks([7, 7, 7])).toEqual([2, 2, 2]);
  });
});

describe("rankCorrelation", () => {
  it("is 1 − 6Σd²/(n(n² − 1)) without ties", () => {
    const a = [106, 100, 86, 101, 99, 103, 97, 113, 112, 110];
    const b = [7, 27, 2, 50, 28, 29, 20, 12, 6, 17];
    // Ranks 7 4 1 5 3 6 2 10 9 8 and 3 7 1 10 8 9 6 4 2 5: Σd² = 194.
    expect(rankCorrelation(a, b).value).toBeCloseTo(1 - (6 * 194) / 990, 14);
  });

  it("has the interval of Bonett and Wright", () => {
    const a = [106, 100, 86, 101, 99, 103, 97, 113, 112, 110];
    const b = [7, 27, 2, 50, 28, 29, 20, 12, 6, 17];
    const { value, low, high, count } = rankCorrelation(a, b);
    const half = 1.959963984540054 * Math.sqrt((1 + value ** 2 / 2) / 7);
    expect(count).toBe(10);
    expect((Math.atanh(low) + Math.atanh(high)) / 2).toBeCloseTo(Math.atanh(value), 12);
    expect((Math.atanh(high) - Math.atanh(low)) / 2).toBeCloseTo(half, 12);
  });

  it("sees order alone: increasing functions change nothing, decreasing ones the sign", () => {
    const pairs = fc.array(fc.tuple(fc.integer({ min: -9, max: 9 }), fc.integer({ min: -9, max: 9 })), {
      minLength: 5,
      maxLength: 40,
    });
    fc.assert(
      fc.property(pairs, (rows) => {
        const [a, b] = [rows.map(([x]) => x), rows.map(([, y]) => y)];
        const { value, low, high } = rankCorrelation(a, b);
        expect(rankCorrelation(a.map(Math.exp), b)).toEqual(rankCorrelation(a, b));
        expect(rankCorrelation(b, a).value).toEqual(value);
        const turned = rankCorrelation(
          a,
          b.map((y) => 1 - y),
        );
        if (Number.isNaN(value)) return expect(turned.value).toBeNaN();
        // Differences from a mean rank are multiples of 1/(2n): rounding is that of a few additions.
        expect(turned.value).toBeCloseTo(-value, 12);
        expect(turned.low).toBeCloseTo(-high, 10);
        expect(turned.high).toBeCloseTo(-low, 10);
      }),
    );
  });

  it("is ±1 where the order is the same, more certain the more pairs are, and NaN where a series is constant", () => {
    const inOrder = (count: number, sign = 1) => {
      const values = Array.from({ length: count }, (_, i) => i);
      return rankCorrelation(
        values,
        values.map((value) => sign * value ** 3),
      );
    };
    expect(inOrder(5)).toMatchObject({ value: 1, high: 1, count: 5 });
    expect(inOrder(5, -1)).toMatchObject({ value: -1, low: -1, high: -inOrder(5).low });
    // One swap of five is at 0.9, half of the way at 0.95: tanh(atanh 0.95 − 1.96·√((1 + 0.95²/2)/2)) = 0.1608.
    expect(inOrder(5).low).toBeCloseTo(0.1608, 4);
    expect(inOrder(9).low).toBeGreaterThan(inOrder(5).low);
    expect(inOrder(200).low).toBeGreaterThan(0.999);
    expect(rankCorrelation([1, 2, 3, 4], [3, 3, 3, 3]).value).toBeNaN();
    expect(rankCorrelation([1, 2, 3], [1, 3, 2])).toEqual({ value: 0.5, low: Number.NaN, high: Number.NaN, count: 3 });
  });
});
