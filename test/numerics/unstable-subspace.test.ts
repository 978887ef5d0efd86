import { describe, expect, it } from "vitest";
import { dot, norm } from "../../src/numerics/basis.ts";
import { gradientFlow } from "../../src/numerics/gradient-flow.ts";
import { standardNormal } from "../../src/numerics/rng.ts";
import { topEigenpairs } from "../../src/numerics/top-eigenpairs.ts";
import { splitGradient, stepWith, type UnstableUpdate, unstablePairs } from "../../src/numerics/unstable-subspace.ts";
import { rotated } from "./spectra.ts";

/** L = ½xᵀAx with a known spectrum and dense eigenvectors: ∇L = Ax, H = A. */
const SPECTRUM = [60, 50, 30, 20, 10, 5, 2, 1];
const ETA = 0.05; // 2/η = 40: two unstable directions
const matvec = rotated(SPECTRUM);
const start = standardNormal({ seed: 3, name: "start" }, SPECTRUM.length);
const pairs = topEigenpairs(matvec, SPECTRUM.length, SPECTRUM.length, { tol: 1e-13 });

async function descend(update: UnstableUpdate, steps: number): Promise<Float64Array> {
  const known = await pairs;
  let x = start;
  for (let i = 0; i < steps; i++) x = stepWith(update, x, await matvec(x), known, ETA);
  return x;
}

/** The coordinates of x along the eigenvectors, largest eigenvalue first. */
async function coordinates(x: Float64Array): Promise<number[]> {
  return (await pairs).vectors.map((vector) => dot(vector, x));
}

describe("the unstable subspace of a quadratic", () => {
  it("has the eigenvectors above 2/η", async () => {
    expect(unstablePairs(await pairs, ETA).values.map(Math.round)).toEqual([60, 50]);
  });

  it("splits a gradient into orthogonal parts that make it up", async () => {
    const { vectors } = unstablePairs(await pairs, ETA);
    const { inside, outside } = splitGradient(start, vectors);
    // Eight products of numbers near 1, each good to 2⁻⁵³.
    expect(Math.abs(dot(inside, outside))).toBeLessThan(1e-13);
    expect(norm(start.map((value, i) => value - inside[i]! - outside[i]!) as Float64Array)).toBeLessThan(1e-14);
    expect(norm(splitGradient(outside, vectors).inside)).toBeLessThan(1e-13);
  });

  // After n steps a coordinate is (1 − rate·λ)ⁿ times what it was.
  it.each<[UnstableUpdate, (eigenvalue: number) => number]>([
    ["plain", (value) => 1 - ETA * value],
    ["frozen", (value) => (value > 40 ? 1 : 1 - ETA * value)],
    ["reduced", (value) => (value > 40 ? 1 - value / 60 : 1 - ETA * value)],
    ["only", (value) => (value > 40 ? 1 - ETA * value : 1)],
    ["sharpest", (value) => 1 - ETA * value],
  ])("%s multiplies each coordinate by its factor", async (update, factor) => {
    const [before, after] = [await coordinates(start), await coordinates(await descend(update, 12))];
    SPECTRUM.forEach((value, i) => {
      const wanted = factor(value) ** 12 * before[i]!;
      // Unstable coordinates grow 2¹²-fold, and with them the roundings that leak into the others.
      expect(Math.abs(after[i]! - wanted)).toBeLessThan(1e-9 * (1 + Math.abs(wanted)));
    });
  });

  it("projected out, descent is stable where it was not", async () => {
    const loss = async (x: Float64Array): Promise<number> => dot(x, await matvec(x)) / 2;
    expect(await loss(await descend("plain", 40))).toBeGreaterThan(1e6 * (await loss(start)));
    expect(await loss(await descend("frozen", 40))).toBeLessThan(await loss(start));
    expect(await loss(await descend("reduced", 200))).toBeLessThan(1e-6 * (await loss(start)));
  });
});

describe("gradient flow of a quadratic", () => {
  const error = async (steps: number): Promise<number> => {
    const [before, after] = [
      await coordinates(start),
      await coordinates(await gradientFlow(matvec, start, ETA, steps)),
    ];
    return Math.max(...SPECTRUM.map((value, i) => Math.abs(after[i]! - Math.exp(-value * ETA) * before[i]!)));
  };

  it("is exp(−λt) along each eigenvector", async () => {
    // h·S = 3/64: the method's error is below (h·S)⁵/120 a step.
    expect(await error(64)).toBeLessThan((64 * (3 / 64) ** 5) / 120 + 1e-12);
  });

  it("has order 4: half the step, a sixteenth of the error", async () => {
    const ratio = (await error(16)) / (await error(32));
    expect(ratio).toBeGreaterThan(14);
    expect(ratio).toBeLessThan(20);
  });
});
