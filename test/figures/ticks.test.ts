import { describe, expect, it } from "vitest";
import { logTicks } from "../../stages/figures/ticks.ts";

describe("ticks of a log axis", () => {
  it("are powers of ten over many decades, 1, 2, 5 over few, finer within one", () => {
    expect(logTicks([0.0005, 4])).toEqual([0.001, 0.01, 0.1, 1]);
    expect(logTicks([0.3, 0.01, 0.05])).toEqual([0.01, 0.02, 0.05, 0.1, 0.2]);
    expect(logTicks([11, 23])).toEqual([12, 15, 20]);
    // An axis that goes on beyond its values, by a tenth of their length on it at each end.
    expect(logTicks([2.1, 21], 0.1)).toEqual([2, 5, 10, 20]);
    expect(logTicks([2.1, 19], 0)).toEqual([5, 10]);
  });

  it("are never none", () => {
    expect(logTicks([0.7, 0.7])).toEqual([0.7]);
    expect(logTicks([1, 1])).toEqual([1]);
  });
});
