import { beforeAll, describe, expect, it } from "vitest";
import type { FloatArray } from "../../src/numerics/float-array.ts";
import { estimateTrace } from "../../src/numerics/hessian-trace.ts";
import { mlp } from "../../src/numerics/networks.ts";
import { makeObjective } from "../../src/numerics/objective.ts";
import { estimate } from "../../src/numerics/spectral-density.ts";
import { openReference } from "../../src/runtimes/reference.ts";
import { trigonometricSamples, trigonometricTheta } from "./cases.ts";
import { denseHessian, productWith } from "./dense.ts";
import { counting, range, rotated } from "./spectra.ts";

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

describe("Hutch++", () => {
  it.each([
    ["f64", 2 ** -53],
    ["f32", 2 ** -24],
  ] as const)("is exact on operators of low rank, in %s, and finds their rank", async (precision, u) => {
    const n = 200;
    const values = [...[9, 5, 2, -1, -7], ...new Array<number>(n - 5).fill(0)];
    const counted = counting(rotated(values));
    const { trace, squaredNorm, rank, numMatvecs, status } = await estimateTrace(counted, n, {
      matvecs: 24,
      precision,
    });
    expect(status).toBe("complete");
    expect(rank).toBe(5);
    // Six sketches, the last of which adds nothing, five images and eight probes.
    expect(numMatvecs).toBe(19);
    expect(counted.count).toBe(numMatvecs);
    // Random vectors have the norm √n: rounding of n products of size 9.
    const rounding = 9 * n * u;
    expect(Math.abs(trace.value - 8)).toBeLessThan(rounding);
    expect(trace.error).toBeLessThan(rounding);
    expect(Math.abs(squaredNorm.value - 160)).toBeLessThan(20 * rounding);
  });

  it("spends no more than it was given", async () => {
    for (const matvecs of [6, 16, 31]) {
      const counted = counting(rotated(range(1, 100)));
      const { numMatvecs, rank } = await estimateTrace(counted, 100, { matvecs });
      expect(counted.count).toBe(numMatvecs);
      expect(numMatvecs).toBeLessThanOrEqual(matvecs);
      expect(rank).toBe(Math.floor(matvecs / 3));
    }
    await expect(estimateTrace(rotated(range(1, 9)), 9, { matvecs: 5 })).rejects.toThrow(/6/);
  });

  it("is exact when the sketches span the whole space", async () => {
    const { trace, rank } = await estimateTrace(rotated(range(1, 9)), 9, { matvecs: 60 });
    expect(rank).toBe(9);
    expect(trace.value).toBeCloseTo(45, 10);
  });

  it("varies less than Hutchinson's estimator with as many products, by far where the spectrum decays", async () => {
    // Eigenvectors that are spread over all components: sines.
    const n = 100;
    const values = range(1, n).map((k) => 100 / k ** 2);
    const sine = (j: number, k: number): number => Math.sqrt(2 / (n + 1)) * Math.sin((Math.PI * j * k) / (n + 1));
    const matrix = range(1, n).map((i) =>
      range(1, n).map((j) => sum(values.map((value, k) => value * sine(i, k + 1) * sine(j, k + 1)))),
    );
    const runs = await Promise.all(
      Array.from({ length: 60 }, (_, seed) => estimateTrace(productWith(matrix), n, { matvecs: 30, seed })),
    );
    const mean = estimate(runs.map(({ trace }) => trace.value));
    expect(Math.abs(mean.value - sum(values))).toBeLessThan(4 * mean.error);
    const variance = 60 * mean.error ** 2;
    // Hutchinson's is 2(‖H‖²_F − Σ h_ii²) a product.
    const diagonal = sum(matrix.map((row, i) => row[i]! ** 2));
    const hutchinson = (2 * (sum(values.map((value) => value ** 2)) - diagonal)) / 30;
    expect(variance).toBeLessThan(hutchinson / 100);
  });

  it("a product that is not finite is a status", async () => {
    const { status, trace } = await estimateTrace(async (v) => v.map(() => Number.NaN) as FloatArray, 20, {
      matvecs: 6,
    });
    expect(status).toBe("not-finite");
    expect(trace.value).toBeNaN();
  });
});

describe.each([
  { activation: "tanh", trace: 1.280157522, squaredNorm: 7.241277829 },
  { activation: "relu", trace: 4.619892277, squaredNorm: undefined },
] as const)("on the Hessian of the $activation network of PROTOCOL C.6", ({ activation, trace, squaredNorm }) => {
  let hessian: number[][];
  let device: Awaited<ReturnType<typeof estimateTrace>>;
  beforeAll(async () => {
    const network = mlp([8, 6, 6, 4], { activation, bias: true });
    const objective = await makeObjective(openReference(), network, { train: trigonometricSamples(20, 8, 4) });
    const theta = trigonometricTheta(network);
    hessian = await denseHessian(objective, theta);
    const around = await objective.linearize(theta);
    device = await estimateTrace(around.hvp, network.numParams, { matvecs: 30, seed: 0 });
    around.dispose();
    await objective.dispose();
  });
  const estimates = async (matvecs: number, count: number) =>
    Promise.all(
      Array.from({ length: count }, (_, seed) =>
        estimateTrace(productWith(hessian), hessian.length, { matvecs, seed }),
      ),
    );

  it("its products are the dense matrix's", async () => {
    const [dense] = await estimates(30, 1);
    // The same random vectors; sums of 124 terms of size 1, thirty times.
    expect(Math.abs(device.trace.value - dense!.trace.value)).toBeLessThan(1e-10);
  });

  it("unbiased: the mean over seeds is the published trace, and the error bars are as long as the errors", async () => {
    const runs = await estimates(24, 300);
    const { value, error } = estimate(runs.map((run) => run.trace.value));
    expect(Math.abs(value - trace)).toBeLessThan(4 * error);
    const dense = sum(hessian.map((row, i) => row[i]!));
    expect(Math.abs(dense - trace)).toBeLessThan(1e-9);
    const actual = estimate(runs.map((run) => (run.trace.value - dense) ** 2));
    const stated = estimate(runs.map((run) => run.trace.error ** 2));
    // Variances over 300 seeds, each to its standard error.
    expect(Math.abs(actual.value - stated.value)).toBeLessThan(4 * Math.hypot(actual.error, stated.error));
  });

  it("‖H‖²_F likewise", async () => {
    const runs = await estimates(24, 300);
    const { value, error } = estimate(runs.map((run) => run.squaredNorm.value));
    const dense = sum(hessian.flat().map((entry) => entry ** 2));
    if (squaredNorm !== undefined) expect(Math.abs(dense - squaredNorm)).toBeLessThan(1e-9);
    expect(Math.abs(value - dense)).toBeLessThan(4 * error);
  });
});
