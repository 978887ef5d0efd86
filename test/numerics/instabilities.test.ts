import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { detectInstabilities, findPeaks } from "../../src/numerics/instabilities.ts";

describe("peaks and their prominence", () => {
  it("a range of mountains", () => {
    //            0  1  2  3  4  5  6  7  8
    const curve = [0, 3, 1, 5, 2, 4, 3.5, 3.8, 0];
    expect(findPeaks(curve)).toEqual([
      { index: 1, prominence: 2 }, // down to 1 before the higher peak
      { index: 3, prominence: 5 }, // the highest: to the ends
      { index: 5, prominence: 2 },
      { index: 7, prominence: expect.closeTo(0.3, 12) },
    ]);
  });

  it("flat tops count once, ends and slopes do not", () => {
    expect(findPeaks([0, 2, 2, 2, 1])).toEqual([{ index: 1, prominence: 1 }]);
    expect(findPeaks([3, 2, 2, 3])).toEqual([]);
    expect(findPeaks([1, 2, 2])).toEqual([]);
    expect(findPeaks([])).toEqual([]);
  });

  it("agree with the definition on random curves", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 30 }), (curve) => {
        for (const { index, prominence } of findPeaks(curve)) {
          const higher = (i: number): boolean => curve[i]! > curve[index]!;
          const left = curve.slice(0, index).findLastIndex((_, i) => higher(i)) + 1;
          const offset = curve.slice(index).findIndex((_, i) => higher(index + i));
          const right = offset === -1 ? curve.length : index + offset;
          const floor = Math.max(Math.min(...curve.slice(left, index + 1)), Math.min(...curve.slice(index, right)));
          expect(prominence).toBe(curve[index]! - floor);
          expect(curve[index - 1]!).toBeLessThan(curve[index]!);
        }
      }),
    );
  });
});

describe("instabilities", () => {
  const threshold = 40;
  const epochs = Array.from({ length: 121 }, (_, epoch) => epoch);
  /** Falling loss with bumps (epoch, height), of width 2. */
  const loss = (bumps: readonly (readonly [number, number])[]) => ({
    epochs,
    values: epochs.map((epoch) =>
      bumps.reduce((total, [at, height]) => total + height * Math.exp(-(((epoch - at) / 2) ** 2)), 2 - epoch / 100),
    ),
  });
  /** Measured every second epoch: rises to 50 before each peak, falls to 30 after it. */
  const sharpness = (peaks: readonly number[]) => {
    const measured = epochs.filter((epoch) => epoch % 2 === 0);
    return {
      epochs: measured,
      values: measured.map((epoch) => {
        const last = peaks.filter((peak) => peak < epoch).at(-1);
        const next = peaks.find((peak) => peak >= epoch);
        if (next === undefined) return 30 + (epoch - last!) / 10;
        const from = last ?? 0;
        return (last === undefined ? 0 : 30) + ((last === undefined ? 50 : 20) * (epoch - from)) / (next - from);
      }),
    };
  };

  it("start at the minimum of S since the peak before, the first where S was last stable", () => {
    const found = detectInstabilities(
      loss([
        [41, 0.5],
        [81, 0.5],
        [105, 0.5],
      ]),
      sharpness([40, 80, 104]),
      {
        prominence: 0.1,
        threshold,
      },
    );
    expect(found.map(({ prominence: _, ...rest }) => rest)).toEqual([
      { baseline: 32, lossPeak: 41, sharpnessPeak: 40 },
      { baseline: 42, lossPeak: 81, sharpnessPeak: 80 },
      { baseline: 82, lossPeak: 105, sharpnessPeak: 104 },
    ]);
  });

  it("a lesser peak is none, but ends the calm; two tops on one S-peak are one", () => {
    const lesser = detectInstabilities(
      loss([
        [41, 0.5],
        [81, 0.2],
        [105, 0.5],
      ]),
      sharpness([40, 80, 104]),
      {
        prominence: 0.25,
        threshold,
      },
    );
    expect(lesser.map(({ baseline, lossPeak }) => [baseline, lossPeak])).toEqual([
      [32, 41],
      [82, 105],
    ]);
    const twin = detectInstabilities(
      loss([
        [36, 0.5],
        [41, 0.5],
      ]),
      sharpness([40]),
      { prominence: 0.1, threshold },
    );
    expect(twin.length).toBe(1);
  });

  it("without peaks, or without a stable epoch before the first, there is none", () => {
    expect(detectInstabilities(loss([]), sharpness([40]), { prominence: 0.1, threshold })).toEqual([]);
    const always = { epochs: [0, 2, 4], values: [50, 60, 50] };
    const early = { epochs: [0, 1, 2, 3, 4], values: [1, 2, 3, 2, 1] };
    expect(detectInstabilities(early, always, { prominence: 0.1, threshold })).toEqual([]);
  });
});
