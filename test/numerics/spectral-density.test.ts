import { describe, expect, it } from "vitest";
import type { FloatArray } from "../../src/numerics/float-array.ts";
import { lanczos } from "../../src/numerics/lanczos.ts";
import { mlp } from "../../src/numerics/networks.ts";
import { makeObjective } from "../../src/numerics/objective.ts";
import { standardNormal } from "../../src/numerics/rng.ts";
import {
  deflate,
  type Quadrature,
  spectralDensity,
  spectralMean,
  spectralQuadrature,
} from "../../src/numerics/spectral-density.ts";
import { gaussQuadrature, symmetricEigen } from "../../src/numerics/tridiagonal.ts";
import { openReference } from "../../src/runtimes/reference.ts";
import { trigonometricSamples, trigonometricTheta } from "./cases.ts";
import { denseHessian, productWith } from "./dense.ts";
import { counting, diagonal, range, rotated } from "./spectra.ts";

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
const moment = (values: readonly number[], power: number): number =>
  sum(values.map((value) => value ** power)) / values.length;

/** The density that n exact eigenvalues have. */
function exactDensity(values: readonly number[], points: readonly number[], width: number): number[] {
  const exact = { nodes: values, weights: values.map(() => 1 / values.length), residuals: values.map(() => 0) };
  return spectralDensity([exact], points, width).map(({ value }) => value);
}

const grid = (from: number, to: number, count: number): number[] =>
  Array.from({ length: count }, (_, i) => from + ((to - from) * i) / (count - 1));

describe("quadrature", () => {
  const n = 100;
  const values = range(1, n);

  it("has each probe's moments exactly, up to degree 2m − 1, and weights of sum 1", async () => {
    const steps = 3;
    const { quadratures, numMatvecs, status } = await spectralQuadrature(diagonal(values), n, {
      probes: 2,
      steps,
      seed: 5,
    });
    expect(status).toBe("complete");
    expect(numMatvecs).toBe(6);
    quadratures.forEach(({ nodes, weights }, probe) => {
      const start = standardNormal({ seed: 5, name: `spectral-density/${probe}` }, n);
      const square = sum(Array.from(start, (component) => component ** 2));
      for (let power = 0; power <= 2 * steps - 1; power++) {
        const exact = sum(Array.from(start, (component, i) => component ** 2 * values[i]! ** power)) / square;
        const found = sum(nodes.map((node, i) => weights[i]! * node ** power));
        // Sums of 100 terms, in a three-term recurrence.
        expect(Math.abs(found / exact - 1)).toBeLessThan(1e3 * 2 ** -53);
      }
    });
  });

  it("from the start vector 1/10 of PROTOCOL C.3: 50.5 and 3383.5", async () => {
    const { alpha, beta } = await lanczos(diagonal(values), new Float64Array(n).fill(1 / 10), 2);
    const probe: Quadrature = { ...gaussQuadrature(alpha, beta), residuals: [0, 0] };
    expect(spectralMean([probe], (value) => value).value).toBeCloseTo(50.5, 11);
    expect(spectralMean([probe], (value) => value ** 2).value).toBeCloseTo(3383.5, 9);
    expect(spectralMean([probe], (value) => value).error).toBeNaN();
  });

  it("is unbiased, with the standard error of the sphere: 2/(n + 2)·(mean λ² − (mean λ)²) is the variance of vᵀHv", async () => {
    const probes = 200;
    const { quadratures } = await spectralQuadrature(rotated(values), n, { probes, steps: 8, seed: 1 });
    const mean = spectralMean(quadratures, (value) => value);
    const variance = (2 / (n + 2)) * (moment(values, 2) - moment(values, 1) ** 2);
    // Four standard errors; the error of an error over 200 probes is 1/√400 = 5 %, four of which are 20 %.
    expect(Math.abs(mean.value - 50.5)).toBeLessThan(4 * Math.sqrt(variance / probes));
    expect(Math.abs(mean.error / Math.sqrt(variance / probes) - 1)).toBeLessThan(0.2);
    const square = spectralMean(quadratures, (value) => value ** 2);
    expect(Math.abs(square.value - 3383.5)).toBeLessThan(4 * square.error);
  });

  it("residuals tell which nodes are eigenvalues", async () => {
    const { quadratures } = await spectralQuadrature(
      rotated([1000, -500, ...range(1, 98).map((value) => value / 98)]),
      n,
      {
        probes: 1,
        steps: 20,
      },
    );
    const { nodes, residuals } = quadratures[0]!;
    expect(nodes[0]).toBeCloseTo(1000, 8);
    expect(nodes.at(-1)).toBeCloseTo(-500, 8);
    expect(residuals[0]).toBeLessThan(1e-9);
    expect(residuals.at(-1)).toBeLessThan(1e-9);
    expect(Math.max(...residuals)).toBeGreaterThan(1e-3);
  });

  it("ends in a status where a product is not finite, with the probes before it", async () => {
    const counted = counting(diagonal(values));
    const broken = async (v: FloatArray): Promise<FloatArray> =>
      counted.count < 7 ? counted(v) : (v.map(() => Number.NaN) as FloatArray);
    const { quadratures, numMatvecs, status } = await spectralQuadrature(broken, n, { probes: 3, steps: 5 });
    expect(status).toBe("not-finite");
    expect(quadratures).toHaveLength(1);
    expect(numMatvecs).toBe(8);
  });
});

describe("density", () => {
  it("has the integral 1, and counts eigenvalues: n times the integral over an interval", async () => {
    const values = range(1, 100);
    const { quadratures } = await spectralQuadrature(rotated(values), 100, { probes: 4, steps: 20 });
    const points = grid(-20, 120, 1401);
    const density = spectralDensity(quadratures, points, 2).map(({ value }) => value);
    expect(Math.min(...density)).toBeGreaterThanOrEqual(0);
    // The trapezium rule on a Gaussian of width 2 with steps of 0.1 has an error below rounding.
    expect(0.1 * sum(density)).toBeCloseTo(1, 9);
  });

  it("of a full Krylov space with deflation is exact", async () => {
    const values = [-3, -1, 0.5, 2, 7];
    const { quadratures } = await spectralQuadrature(rotated(values), 5, { probes: 2, steps: 5 });
    const points = grid(-6, 10, 161);
    const exact = exactDensity(values, points, 0.4);
    spectralDensity(
      quadratures.map((probe) => deflate(probe, 5, 1e-10)),
      points,
      0.4,
    ).forEach(({ value, error }, i) => {
      expect(Math.abs(value - exact[i]!)).toBeLessThan(1e-12);
      expect(error).toBeLessThan(1e-12);
    });
  });

  it.each(["tanh", "relu"] as const)(
    "of the dense Hessian of a %s network, within its error bars",
    async (activation) => {
      const network = mlp([8, 6, 6, 4], { activation, bias: true });
      const objective = await makeObjective(openReference(), network, { train: trigonometricSamples(20, 8, 4) });
      const theta = trigonometricTheta(network);
      const hessian = await denseHessian(objective, theta);
      const { values } = symmetricEigen(hessian);
      const n = network.numParams;
      const around = await objective.linearize(theta);
      const { quadratures } = await spectralQuadrature(around.hvp, n, { probes: 3, steps: 40, seed: 2 });
      const dense = await spectralQuadrature(productWith(hessian), n, { probes: 100, steps: 40, seed: 2 });
      around.dispose();
      // The same probes on the device and on the dense matrix: the same extreme nodes, to the rounding of 40 products.
      quadratures.forEach((probe, i) => {
        for (const end of [0, -1])
          expect(probe.nodes.at(end)! / dense.quadratures[i]!.nodes.at(end)! - 1).toBeCloseTo(0, 9);
      });
      // The mean of λ is the trace, of λ² the squared Frobenius norm: PROTOCOL C.6.
      const [mean, square] = [1, 2].map((power) => spectralMean(dense.quadratures, (value) => value ** power));
      const trace = { tanh: 1.280157522, relu: 4.619892277 }[activation];
      expect(Math.abs(n * mean!.value - trace)).toBeLessThan(4 * n * mean!.error);
      if (activation === "tanh") expect(Math.abs(n * square!.value - 7.241277829)).toBeLessThan(4 * n * square!.error);
      const width = 0.05;
      const points = grid(values.at(-1)! - 0.2, values[0]! + 0.2, 60);
      const exact = exactDensity(values, points, width);
      const highest = Math.max(...exact);
      // Five of the 100 probes' errors, and a thousandth of the peak for what 40 steps of 124 do not resolve.
      for (const [i, { value, error }] of spectralDensity(dense.quadratures, points, width).entries())
        expect(Math.abs(value - exact[i]!)).toBeLessThan(5 * error + 1e-3 * highest);
      await objective.dispose();
    },
  );
});

describe("deflation", () => {
  const outliers = [90, 70, 50, 30, -20];
  const values = [...outliers, ...grid(-1, 1, 395)];
  const n = values.length;

  it("gives each outlier the mass 1/n, and the bulk the rest", async () => {
    const { quadratures } = await spectralQuadrature(rotated(values), n, { probes: 3, steps: 30, seed: 3 });
    for (const probe of quadratures) {
      const { nodes, weights } = deflate(probe, n, 1e-6);
      expect(sum([...weights])).toBeCloseTo(1, 12);
      for (const outlier of outliers) {
        const mass = (of: readonly number[]): number =>
          sum(nodes.map((node, i) => (Math.abs(node - outlier) < 1 ? of[i]! : 0)));
        expect(mass(weights) * n).toBeCloseTo(1, 12);
      }
    }
    const plain = spectralMean(quadratures, (value) => value);
    const deflated = spectralMean(
      quadratures.map((probe) => deflate(probe, n, 1e-6)),
      (value) => value,
    );
    const exact = moment(values, 1);
    // What is left of the randomness is the bulk's, 50 times narrower.
    expect(deflated.error).toBeLessThan(plain.error / 10);
    expect(Math.abs(deflated.value - exact)).toBeLessThan(6 * deflated.error);
  });

  it("leaves a probe alone in which nothing has converged, or whose Krylov space closed on multiple eigenvalues", async () => {
    const early = await spectralQuadrature(rotated(range(1, 100)), 100, { probes: 1, steps: 5 });
    expect(deflate(early.quadratures[0]!, 100, 1e-6)).toEqual(early.quadratures[0]);
    const multiple = await spectralQuadrature(
      rotated([...new Array<number>(30).fill(2), ...new Array<number>(10).fill(5)]),
      40,
      {
        probes: 1,
        steps: 10,
      },
    );
    const [probe] = multiple.quadratures;
    expect(probe!.nodes).toHaveLength(2);
    expect(deflate(probe!, 40, 1e-6)).toEqual(probe);
  });
});
