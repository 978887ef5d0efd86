import { describe, expect, it } from "vitest";
import { dot, rowOf } from "../../src/numerics/basis.ts";
import { lanczos } from "../../src/numerics/lanczos.ts";
import { standardNormal } from "../../src/numerics/rng.ts";
import { gaussQuadrature, tridiagonalEigen } from "../../src/numerics/tridiagonal.ts";
import { diagonal, range, rotated } from "./spectra.ts";

const start = new Float64Array(100).fill(1 / 10);
const hundred = diagonal(range(1, 100));

describe("Lanczos on diag(1..100) from 1/10 (PROTOCOL C.3)", () => {
  it.each([
    [10, 99.13787239, 2.41427],
    [20, 99.94960171, 0.64152],
    [30, 99.99935771, 0.09269],
  ])("%d steps: top Ritz value %d, residual %d", async (steps, value, residual) => {
    const { alpha, beta, status } = await lanczos(hundred, start, steps);
    expect(status).toBe("complete");
    const { values, vectors } = tridiagonalEigen(alpha, beta);
    // Eight published decimals; five for residuals.
    expect(Math.abs(values[0]! - value)).toBeLessThan(5.1e-9);
    expect(Math.abs(beta[steps - 1]! * Math.abs(vectors[steps - 1]![0]!) - residual)).toBeLessThan(5.1e-6);
  });

  it("quadrature: moments 50.5 and 3383.5, exactly up to degree 2m − 1", async () => {
    const { alpha, beta } = await lanczos(hundred, start, 3);
    const { nodes, weights } = gaussQuadrature(alpha, beta);
    const moment = (power: number): number => nodes.reduce((total, node, i) => total + weights[i]! * node ** power, 0);
    const exact = (power: number): number => range(1, 100).reduce((total, value) => total + value ** power, 0) / 100;
    expect(exact(1)).toBe(50.5);
    expect(exact(2)).toBe(3383.5);
    for (let power = 0; power <= 5; power++)
      expect(Math.abs(moment(power) / exact(power) - 1)).toBeLessThan(1e3 * 2 ** -53);
    expect(Math.abs(moment(6) / exact(6) - 1)).toBeGreaterThan(1e-6);
  });
});

describe("the decomposition", () => {
  const n = 60;
  const matvec = rotated(range(1, n));

  it("H V = V T + β v eᵀ, and V is orthonormal, in both precisions", async () => {
    for (const [precision, roundoff] of [
      ["f64", 2 ** -53],
      ["f32", 2 ** -24],
    ] as const) {
      const normal = standardNormal({ seed: 3, name: "start" }, n);
      const first = precision === "f32" ? Float32Array.from(normal) : normal;
      const { alpha, beta, basis } = await lanczos(matvec, first, 40);
      for (let i = 0; i < 40; i++)
        for (let j = 0; j <= i; j++)
          // A sum of n rounded products, twice the roundoff for each factor.
          expect(Math.abs(dot(rowOf(basis, i), rowOf(basis, j)) - (i === j ? 1 : 0))).toBeLessThan(4 * n * roundoff);
      for (let j = 0; j < 40; j++) {
        const product = await matvec(rowOf(basis, j));
        for (let i = 0; i < n; i++) {
          const expected =
            alpha[j]! * rowOf(basis, j)[i]! +
            (j > 0 ? beta[j - 1]! * rowOf(basis, j - 1)[i]! : 0) +
            beta[j]! * rowOf(basis, j + 1)[i]!;
          expect(Math.abs(product[i]! - expected)).toBeLessThan(8 * n * n * roundoff);
        }
      }
    }
  });

  it("breakdown is a status, with exact eigenvalues", async () => {
    const values = [
      ...new Array<number>(10).fill(2),
      ...new Array<number>(10).fill(5),
      ...new Array<number>(10).fill(-1),
    ];
    const first = standardNormal({ seed: 4, name: "start" }, 30);
    const { alpha, beta, status, numMatvecs } = await lanczos(rotated(values), first, 20);
    expect(status).toBe("breakdown");
    expect(numMatvecs).toBe(3);
    tridiagonalEigen(alpha, beta).values.forEach((value, i) => {
      expect(value).toBeCloseTo([5, 2, -1][i]!, 12);
    });
  });

  it("a product that is not finite is a status", async () => {
    const result = await lanczos(async (v) => v.map(() => Number.NaN), start, 5);
    expect(result.status).toBe("not-finite");
    expect(result.alpha.length).toBe(0);
  });
});
