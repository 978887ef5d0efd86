import { describe, expect, it } from "vitest";
import { dot, norm } from "../../src/numerics/basis.ts";
import { cycleAround } from "../../src/numerics/cycle.ts";
import type { FloatArray } from "../../src/numerics/float-array.ts";
import { type LandscapeObjective, landscapeLine } from "../../src/numerics/landscape.ts";
import { standardNormal } from "../../src/numerics/rng.ts";
import { rotated } from "./spectra.ts";

const SPECTRUM = [40, 12, 5, 1, -3];
const n = SPECTRUM.length;
const matvec = rotated(SPECTRUM);
const theta = standardNormal({ seed: 5, name: "theta" }, n);
const grad = await matvec(theta);
const earlier = standardNormal({ seed: 6, name: "earlier" }, n);

async function lossAt(x: FloatArray): Promise<number> {
  return dot(x, await matvec(x)) / 2;
}

/** L = ½xᵀAx as far as a landscape asks for it. */
const quadratic: LandscapeObjective = {
  numParams: n,
  float: "f64",
  gradient: async (x) => ({
    loss: Float64Array.of(0),
    accuracy: Float64Array.of(0),
    grad: await matvec(x as FloatArray),
  }),
  evaluate: async (stacked) => {
    const values = stacked as FloatArray;
    const loss: number[] = [];
    for (let i = 0; i < values.length; i += n) loss.push(await lossAt(values.subarray(i, i + n)));
    return { loss: Float64Array.from(loss), accuracy: new Float64Array(loss.length) };
  },
  linearize: async (x) => ({
    loss: Float64Array.of(0),
    accuracy: Float64Array.of(0),
    grad: await matvec(x as FloatArray),
    hvp: matvec,
    dispose: () => undefined,
  }),
};

describe("the landscape of a quadratic", () => {
  const line = landscapeLine(quadratic, theta, { earlier, rate: 0.1, points: 11, tol: 1e-10 });

  it("has a parabola for L, with the slope ‖g‖ and the curvature dᵀAd", async () => {
    const g = await matvec(theta);
    const d = g.map((value) => value / norm(g)) as FloatArray;
    const curvature = dot(d, await matvec(d));
    const start = await lossAt(theta);
    const { offsets, loss } = await line;
    // Losses of some hundreds, sums of 25 products.
    offsets.forEach((x, i) => {
      const wanted = start + norm(g) * x + (curvature / 2) * x * x;
      expect(Math.abs(loss[i]! - wanted)).toBeLessThan(1e-12 * (1 + Math.max(...loss)));
    });
  });

  it("has the same S everywhere", async () => {
    for (const value of (await line).sharpness) expect(value).toBeCloseTo(40, 8);
  });

  it("reaches three steps to both sides, or three times the way from the earlier parameters", async () => {
    const way = norm(theta.map((value, i) => value - earlier[i]!) as FloatArray);
    const { offsets, gradientNorm, previous } = await line;
    expect(offsets.at(-1)).toBeCloseTo(3 * Math.max(way, 0.1 * gradientNorm), 12);
    expect(offsets.map((x, i) => x + offsets[10 - i]!)).toEqual(offsets.map(() => 0));
    expect(Math.abs(previous)).toBeLessThanOrEqual(way);
    const { previous: onTheLine } = await landscapeLine(quadratic, theta, {
      earlier: theta.map((v, i) => v + (0.5 * grad[i]!) / norm(grad)) as FloatArray,
      rate: 0.1,
      points: 3,
    });
    expect(onTheLine).toBeCloseTo(0.5, 12);
  });

  it("has θ in its middle", async () => {
    await expect(landscapeLine(quadratic, theta, { earlier, rate: 0.1, points: 10 })).rejects.toThrow(
      "none in its middle",
    );
    expect((await line).loss[5]).toBeCloseTo(await lossAt(theta), 12);
  });
});

describe("the cycle around a peak", () => {
  const epochs = Array.from({ length: 61 }, (_, i) => 2 * i);
  // Below 40 except from epoch 50 to 90, with a peak at 70; lowest at 40 before.
  const values = epochs
    .map((epoch) => (epoch < 40 ? 30 - epoch / 4 : 20 + 2.2 * (epoch - 40)))
    .map((value, i) => {
      const epoch = epochs[i]!;
      return epoch > 70 ? Math.max(15, 86 - 2.25 * (epoch - 70)) : value;
    });

  it("begins in the calm before, crosses, and ends when stable again", () => {
    const cycle = cycleAround({ epochs, values }, 70, 40);
    // 20 + 2.2·(50 − 40) = 42 is the first above, 86 − 2.25·(92 − 70) = 36.5 the first below.
    expect(cycle).toEqual({ start: 40, crossing: 50, end: 92 });
  });

  it("does not go back more than twelve epochs", () => {
    const rising = epochs.map((epoch) => epoch);
    expect(cycleAround({ epochs, values: rising }, 100, 40)).toEqual({ start: 30, crossing: 42, end: 120 });
  });

  it("has the curve's ends where the curve is cut off", () => {
    expect(cycleAround({ epochs, values: epochs.map(() => 50) }, 70, 40)).toMatchObject({ start: 0, end: 120 });
  });
});
