import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { dot } from "../../src/numerics/basis.ts";
import type { FloatArray } from "../../src/numerics/float-array.ts";
import { standardNormal } from "../../src/numerics/rng.ts";
import { type TopEigenpairs, topEigenpairs } from "../../src/numerics/top-eigenpairs.ts";
import { counting, diagonal, range, rotated } from "./spectra.ts";

const descending = (values: readonly number[]): number[] => [...values].sort((a, b) => b - a);

/** |λ − exact| ≤ residual for a symmetric matrix (Weyl), plus the rounding of the products. */
function expectValues(found: TopEigenpairs, exact: readonly number[], rounding: number): void {
  found.values.forEach((value, i) => {
    expect(Math.abs(value - exact[i]!), `eigenvalue ${i}`).toBeLessThanOrEqual(found.residuals[i]! + rounding);
  });
}

function expectOrthonormal(vectors: readonly FloatArray[], tolerance: number): void {
  for (const [i, a] of vectors.entries())
    for (const [j, b] of vectors.entries())
      expect(Math.abs(dot(a, b) - (i === j ? 1 : 0))).toBeLessThanOrEqual(tolerance);
}

describe("known spectra", () => {
  it("diag(1..100), algebraically largest, against a far larger negative end", async () => {
    for (const values of [range(1, 100), range(-1630, 752)]) {
      const matvec = counting(rotated(values));
      const found = await topEigenpairs(matvec, values.length, 4, { tol: 1e-8, maxMatvecs: 5000 });
      expect(found.status).toBe("converged");
      expect(found.numMatvecs).toBe(matvec.count);
      expect(Math.max(...found.residuals)).toBeLessThanOrEqual(1.01e-8 * found.values[0]!);
      expectValues(found, descending(values), 1e-10);
      expectOrthonormal(found.vectors, 1e-12);
    }
  });

  it("random spectra, with few basis vectors and so many restarts", async () => {
    await fc.assert(
      fc.asyncProperty(
        // Hundredths: gaps from none at all to large.
        fc.array(fc.integer({ min: -1000, max: 1000 }), { minLength: 1, maxLength: 40 }),
        fc.nat(1000),
        fc.integer({ min: 1, max: 4 }),
        async (hundredths, seed, wanted) => {
          const values = hundredths.map((value) => value / 100);
          const k = Math.min(wanted, values.length);
          const found = await topEigenpairs(rotated(values, seed), values.length, k, {
            tol: 1e-9,
            seed,
            capacity: 8,
            maxMatvecs: 20_000,
            multiplicity: "search",
          });
          expect(found.status).toBe("converged");
          expect(found.values.length).toBe(k);
          expectOrthonormal(found.vectors, 1e-9);
          // Pairs closer than the tolerance may come in either order.
          const scale = Math.max(...values.map(Math.abs), 1e-3);
          found.values.forEach((value, i) => {
            expect(Math.abs(value - descending(values)[i]!)).toBeLessThanOrEqual(1e-7 * scale);
          });
        },
      ),
      { numRuns: 40 },
    );
  });

  it("float32 products reach the residuals that float32 allows", async () => {
    const values = [60, 50, 40, ...range(1, 500).map((i) => Math.exp(-i / 50))];
    const found = await topEigenpairs(rotated(values), values.length, 3, { precision: "f32", tol: 1e-5 });
    expect(found.status).toBe("converged");
    expect(found.vectors[0]).toBeInstanceOf(Float32Array);
    // Products and vectors round to 2⁻²⁴, relative to the largest eigenvalue, in each of √n independent components.
    expectValues(found, [60, 50, 40], 60 * 2 ** -24 * Math.sqrt(values.length));
    expectOrthonormal(found.vectors, 1e-6);
  });

  it("the residuals of the recurrence are the true ones", async () => {
    const matvec = rotated(range(1, 200).map((i) => Math.sqrt(i)));
    for (const capacity of [10, 40]) {
      const options = { tol: 1e-3, capacity, maxMatvecs: 2000 };
      const trusted = await topEigenpairs(matvec, 200, 3, { ...options, confirm: false });
      const confirmed = await topEigenpairs(matvec, 200, 3, options);
      expect(confirmed.values).toEqual(trusted.values);
      expect(confirmed.numMatvecs).toBe(trusted.numMatvecs + 3);
      confirmed.residuals.forEach((residual, i) => {
        expect(Math.abs(residual - trusted.residuals[i]!)).toBeLessThan(1e-11);
      });
    }
  });
});

describe("multiplicity and breakdown", () => {
  it("one start vector sees each eigenvalue once; the search finds all copies", async () => {
    const values = [
      ...new Array<number>(9).fill(29.5),
      ...new Array<number>(9).fill(11.5),
      ...range(1, 200).map((i) => 9 / i),
    ];
    const once = await topEigenpairs(rotated(values), values.length, 3, { tol: 1e-4 });
    expect(once.status).toBe("converged");
    expectValues(once, [29.5, 11.5, 9], 1e-9);
    const all = await topEigenpairs(rotated(values), values.length, 12, { tol: 1e-10, multiplicity: "search" });
    expect(all.status).toBe("converged");
    expectValues(all, descending(values), 1e-9);
    expectOrthonormal(all.vectors, 1e-9);
  });

  it("a breakdown is counted and survived: few distinct values, rank one, the zero matrix, order one", async () => {
    for (const values of [
      [3, 3, 3, 1, 1, 1, 1, 1],
      [4, 0, 0, 0, 0, 0],
      [0, 0, 0, 0],
    ]) {
      const found = await topEigenpairs(diagonal(values), values.length, 3, { tol: 1e-10 });
      expect(found.status).toBe("converged");
      expect(found.numBreakdowns).toBeGreaterThan(0);
      expectValues(found, values, 1e-12);
      expectOrthonormal(found.vectors, 1e-12);
    }
    const one = await topEigenpairs(diagonal([-7]), 1, 1);
    expect(one.values).toEqual([-7]);
    expect(Array.from(one.vectors[0]!)).toEqual([1]);
  });
});

describe("what goes wrong is a status", () => {
  it("products that are not finite", async () => {
    let calls = 0;
    const found = await topEigenpairs(
      async (v) => {
        calls++;
        return calls > 4 ? v.map(() => Number.POSITIVE_INFINITY) : v.map((component, i) => i * component);
      },
      50,
      2,
    );
    expect(found.status).toBe("not-finite");
    expect(found.numMatvecs).toBe(5);
  });

  it("too few products: the best pairs so far, with their residuals", async () => {
    const matvec = rotated(range(1, 100));
    const found = await topEigenpairs(matvec, 100, 2, { tol: 1e-12, maxMatvecs: 10 });
    expect(found.status).toBe("max-matvecs");
    expect(found.values.length).toBe(2);
    expect(found.residuals[0]).toBeGreaterThan(1e-3);
    expectValues(
      found,
      [100, 99].map((value) => value),
      2,
    );
  });

  it("asking for more pairs than there are is a bug of the caller", async () => {
    await expect(topEigenpairs(diagonal([1, 2]), 2, 3)).rejects.toThrow(/3 eigenpairs/);
  });
});

describe("warm start", () => {
  const n = 400;
  const spectrum = (shift: number): number[] => [50, 42 + shift, 35, ...range(4, n).map((i) => 30 / Math.sqrt(i))];

  it("saves products on a nearby problem and finds the same pairs", async () => {
    const before = await topEigenpairs(rotated(spectrum(0)), n, 3, { confirm: false });
    const options = { confirm: false } as const;
    const cold = await topEigenpairs(rotated(spectrum(0.5)), n, 3, options);
    const warm = await topEigenpairs(rotated(spectrum(0.5)), n, 3, { ...options, warmStart: before.restartVectors });
    expect(warm.status).toBe("converged");
    expect(warm.numMatvecs).toBeLessThan(cold.numMatvecs);
    expectValues(warm, [50, 42.5, 35], 1e-9);
  });

  it("is not fooled by an eigenvalue that has come up from below", async () => {
    const before = await topEigenpairs(rotated([...spectrum(0).slice(0, -1), -100]), n, 3);
    const after = rotated([...spectrum(0).slice(0, -1), 60]);
    const warm = await topEigenpairs(after, n, 3, { warmStart: before.vectors });
    expectValues(warm, [60, 50, 42], 1e-9);
  });

  it("is the same, bit for bit, for the same seed; a zero warm start is as none", async () => {
    const matvec = rotated(spectrum(0));
    const warmStart = [standardNormal({ seed: 1, name: "warm" }, n)];
    const [a, b, c] = await Promise.all([5, 5, 6].map((seed) => topEigenpairs(matvec, n, 3, { warmStart, seed })));
    expect(a).toEqual(b);
    expect(a!.vectors).not.toEqual(c!.vectors);
    const zero = await topEigenpairs(matvec, n, 3, { warmStart: [new Float64Array(n)] });
    expect(zero).toEqual(await topEigenpairs(matvec, n, 3));
  });
});
