import { describe, expect, it } from "vitest";
import { mean, median, spearman } from "../../stages/figures/statistics.ts";

describe("statistics of claims", () => {
  it("mean and median", () => {
    expect(mean([1, 2, 6])).toBe(3);
    expect(median([5, 1, 3])).toBe(3);
    expect(median([4, 1, 3, 2])).toBe(2.5);
    expect(median([])).toBeNaN();
  });

  it("Spearman's correlation sees order alone and shares ties", () => {
    expect(spearman([1, 2, 3, 4], [1, 10, 100, 1e6])).toBeCloseTo(1, 15);
    expect(spearman([1, 2, 3, 4], [4, 3, 2, 1])).toBeCloseTo(-1, 15);
    // Ranks 1, 2.5, 2.5, 4 against 1, 2, 3, 4: covariance 4.5 over √(4.5 · 5).
    expect(spearman([1, 2, 2, 3], [1, 2, 3, 4])).toBeCloseTo(4.5 / Math.sqrt(22.5), 15);
    expect(spearman([1, 1, 1], [1, 2, 3])).toBeNaN();
  });
});
