import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { dot, norm } from "../../src/numerics/basis.ts";
import type { FloatArray } from "../../src/numerics/float-array.ts";
import { mlp, type Network } from "../../src/numerics/networks.ts";
import { makeObjective, type Objective, sharpeningRate } from "../../src/numerics/objective.ts";
import { standardNormal } from "../../src/numerics/rng.ts";
import { hessianEigenpairs } from "../../src/numerics/spectrum.ts";
import { symmetricEigen } from "../../src/numerics/tridiagonal.ts";
import type { DeviceName } from "../../src/runtimes/runtime.ts";
import { openForTest } from "../runtimes/devices.ts";
import { trigonometricSamples, trigonometricTheta } from "./cases.ts";
import { denseHessian } from "./dense.ts";
import { describeFashionMnist, type Setting } from "./fashion-suite.ts";

/**
 * PROTOCOL C.5 and C.6 and the identities of derivatives, for one device and precision. Call it at the top level of a test
 * file.
 *
 * Tolerances: a published number is good to half its last digit; beyond that each result is a sum of products of factors
 * that are themselves such sums, one for each layer and order of derivative, and each sum of n terms rounds by at most
 * n·u, typically √n·u. `slack` is that many roundoffs u, relative to the size of what is summed; it is stated per case.
 */
export async function describeObjective(device: DeviceName, float?: "f32" | "f64"): Promise<void> {
  const opened = await openForTest(device);
  const name = float === undefined ? device : `${device} in ${float}`;
  if ("skipped" in opened) {
    describe.skip(`${name} (${opened.skipped})`, () => {
      it("has the protocol's numbers", () => {});
    });
    return;
  }
  const u = float === "f64" ? 2 ** -53 : opened.unitRoundoff;
  const setting: Setting = { runtime: opened, float: float ?? (u < 2 ** -40 ? "f64" : "f32"), u };
  describe(name, () => {
    afterAll(() => opened.dispose());
    describeSmallNetworks(setting);
    describeIdentities(setting);
    describeClosedForm(setting);
    describeFashionMnist(setting);
  });
}

/** |found − published| ≤ half a unit in the published last place + slack·u·size. */
function expectPublished(found: number, published: number, digits: number, rounding: number, what: string): void {
  const last = 0.51 * 10 ** -digits;
  expect(Math.abs(found - published), what).toBeLessThanOrEqual(last + rounding);
}

interface SmallCase {
  readonly activation: "tanh" | "relu";
  readonly loss: number;
  readonly gradientNorm: number;
  readonly top: readonly [number, number];
  readonly bottom: number;
  readonly trace: number;
  readonly alpha: number;
}

const SMALL_CASES: readonly SmallCase[] = [
  {
    activation: "tanh",
    loss: 1.572046850275,
    gradientNorm: 0.58000338089,
    top: [0.840088953, 0.742552175],
    bottom: -0.642610887,
    trace: 1.280157522,
    alpha: -0.044446934,
  },
  {
    activation: "relu",
    loss: 1.493783180533,
    gradientNorm: 0.51803494094,
    top: [1.27620216, 0.721580851],
    bottom: -0.429444121,
    trace: 4.619892277,
    alpha: -0.769939939,
  },
];

/** Sums of 20 samples or 8 features through three layers, twice: 3·(20 + 8) roundoffs, doubled for the second derivative. */
const SMALL_SLACK = 200;

const smallNetwork = (activation: "tanh" | "relu"): Network => mlp([8, 6, 6, 4], { activation, bias: true });

function describeSmallNetworks({ runtime, float, u }: Setting): void {
  describe.each(SMALL_CASES)("$activation 8-6-6-4 with bias, N = 20 (C.6)", (published) => {
    const network = smallNetwork(published.activation);
    const theta = trigonometricTheta(network);
    let objective: Objective;
    beforeAll(async () => {
      objective = await makeObjective(runtime, network, { train: trigonometricSamples(20, 8, 4) }, { float });
    });
    afterAll(() => objective.dispose());

    it("loss and gradient norm", async () => {
      const { loss, grad } = await objective.gradient(theta);
      expectPublished(loss[0]!, published.loss, 12, SMALL_SLACK * u, "L");
      expectPublished(norm(grad), published.gradientNorm, 12, SMALL_SLACK * u, "‖∇L‖");
      const evaluated = await objective.evaluate(theta);
      expect(Math.abs(evaluated.loss[0]! - loss[0]!)).toBeLessThanOrEqual(SMALL_SLACK * u);
    });

    it("Hessian: symmetric, its extreme eigenvalues and trace", async () => {
      const hessian = await denseHessian(objective, theta);
      const n = hessian.length;
      for (let i = 0; i < n; i++)
        for (let j = 0; j < i; j++)
          expect(Math.abs(hessian[i]![j]! - hessian[j]![i]!)).toBeLessThanOrEqual(SMALL_SLACK * u);
      const { values } = symmetricEigen(hessian);
      expectPublished(values[0]!, published.top[0], 8, SMALL_SLACK * u, "λ₁");
      expectPublished(values[1]!, published.top[1], 9, SMALL_SLACK * u, "λ₂");
      expectPublished(values.at(-1)!, published.bottom, 9, SMALL_SLACK * u, "smallest");
      // A sum of n eigenvalues.
      const trace = hessian.reduce((total, row, i) => total + row[i]!, 0);
      expectPublished(trace, published.trace, 9, n * SMALL_SLACK * u, "trace");
    });

    it("top eigenpairs and α", async () => {
      const found = await hessianEigenpairs(objective, theta, 2, { tol: Math.max(1e-10, 100 * u) });
      expect(found.status).toBe("converged");
      found.values.forEach((value, i) => {
        expectPublished(value, published.top[i]!, 8, SMALL_SLACK * u + found.residuals[i]!, `λ${i + 1}`);
      });
      const [alpha] = await sharpeningRate(objective, theta, found.vectors[0]!);
      const curvature = await objective.curvatureGradient(theta, found.vectors[0]!);
      // v is wrong by residual/gap, and α by twice that times the size of its terms, ‖∇L‖‖∇S‖.
      const gap = found.values[0]! - found.values[1]!;
      const size = published.gradientNorm * norm(curvature);
      const rounding = (4 * (found.residuals[0]! / gap) + SMALL_SLACK * u * (1 + 1 / gap)) * size;
      expectPublished(alpha!, published.alpha, 9, rounding, "α");
    });
  });
}

function describeIdentities({ runtime, float, u }: Setting): void {
  describe("derivatives of the smooth network", () => {
    const network = smallNetwork("tanh");
    const n = network.numParams;
    const theta = trigonometricTheta(network);
    const direction = (name: string): Float64Array => {
      const values = standardNormal({ seed: 11, name }, n);
      const length = norm(values);
      return values.map((value) => value / length);
    };
    const [a, b] = [direction("a"), direction("b")];
    let objective: Objective;
    beforeAll(async () => {
      objective = await makeObjective(runtime, network, { train: trigonometricSamples(20, 8, 4) }, { float });
    });
    afterAll(() => objective.dispose());

    const moved = (v: FloatArray, step: number): Float64Array => theta.map((value, i) => value + step * v[i]!);
    /** A central difference with the step that balances truncation h² against rounding u/h; error ~ u^(2/3). */
    const step = Math.cbrt(u);
    const tolerance = 100 * step ** 2;

    it("∇L against differences of L", async () => {
      const { grad } = await objective.gradient(theta);
      const [up, down] = [await objective.evaluate(moved(a, step)), await objective.evaluate(moved(a, -step))];
      const slope = (up.loss[0]! - down.loss[0]!) / (2 * step);
      expect(Math.abs(slope - dot(grad, a))).toBeLessThan(tolerance);
    });

    it("Hv against differences of ∇L; uᵀHv = vᵀHu; linear in v; the same in a block", async () => {
      const around = await objective.linearize(theta);
      const [ha, hb] = [await around.hvp(a), await around.hvp(b)];
      const [up, down] = [await objective.gradient(moved(a, step)), await objective.gradient(moved(a, -step))];
      const difference = ha.map((value, i) => value - (up.grad[i]! - down.grad[i]!) / (2 * step));
      expect(norm(difference as FloatArray)).toBeLessThan(tolerance);
      expect(Math.abs(dot(ha, b) - dot(hb, a))).toBeLessThan(SMALL_SLACK * u);
      const mix = a.map((value, i) => 2 * value - 3 * b[i]!);
      const hm = await around.hvp(mix);
      hm.forEach((value, i) => {
        expect(Math.abs(value - (2 * ha[i]! - 3 * hb[i]!))).toBeLessThan(SMALL_SLACK * u);
      });
      const block = await around.hvp(Float64Array.from([...a, ...b]));
      block.forEach((value, i) => {
        expect(Math.abs(value - (i < n ? ha[i]! : hb[i - n]!))).toBeLessThan(SMALL_SLACK * u);
      });
      around.dispose();
    });

    it("∇(vᵀHv) against differences of vᵀHv", async () => {
      const curvature = await objective.curvatureGradient(theta, a);
      const at = async (s: number): Promise<number> => {
        const around = await objective.linearize(moved(b, s));
        const value = dot(a, await around.hvp(a));
        around.dispose();
        return value;
      };
      const slope = ((await at(step)) - (await at(-step))) / (2 * step);
      expect(Math.abs(slope - dot(curvature, b))).toBeLessThan(10 * tolerance);
    });

    it("replicas: each has its own loss, gradient and product", async () => {
      const [first, second] = [theta, moved(a, 0.5)];
      const both = Float64Array.from([...first, ...second]);
      const together = await objective.linearize(both);
      const products = await together.hvp(Float64Array.from([...a, ...b]));
      for (const [r, [point, v]] of (
        [
          [first, a],
          [second, b],
        ] as const
      ).entries()) {
        const alone = await objective.linearize(point);
        expect(Math.abs(together.loss[r]! - alone.loss[0]!)).toBeLessThan(SMALL_SLACK * u);
        const product = await alone.hvp(v);
        product.forEach((value, i) => {
          expect(Math.abs(value - products[r * n + i]!)).toBeLessThan(SMALL_SLACK * u);
          expect(Math.abs(alone.grad[i]! - together.grad[r * n + i]!)).toBeLessThan(SMALL_SLACK * u);
        });
        alone.dispose();
      }
      together.dispose();
    });
  });

  it("a tie is not correct, a strictly greatest logit is", async () => {
    const network = mlp([2, 2]);
    const samples = {
      inputs: { dtype: "f64", shape: [3, 2], data: Float64Array.of(1, 0, 0, 1, 1, 1) },
      labels: Uint8Array.of(0, 1, 0),
    } as const;
    const objective = await makeObjective(runtime, network, { train: samples }, { float });
    // Logits = inputs: the third sample is a tie.
    expect((await objective.evaluate(Float64Array.of(1, 0, 0, 1))).accuracy[0]).toBeCloseTo(2 / 3, 6);
    expect((await objective.evaluate(new Float64Array(4))).accuracy[0]).toBe(0);
    // A negative winner wins too.
    expect((await objective.evaluate(Float64Array.of(-1, -2, -2, -1))).accuracy[0]).toBeCloseTo(2 / 3, 6);
    await objective.dispose();
  });
}

function describeClosedForm({ runtime, float, u }: Setting): void {
  it("softmax regression: Hv = (1/N) Σ (diag p − ppᵀ)⊗xxᵀ v at a random θ", async () => {
    const [count, features, classes] = [15, 6, 4];
    const network = mlp([features, classes]);
    const samples = trigonometricSamples(count, features, classes);
    const objective = await makeObjective(runtime, network, { train: samples }, { float });
    const theta = standardNormal({ seed: 1, name: "theta" }, network.numParams);
    const v = standardNormal({ seed: 1, name: "v" }, network.numParams);
    const around = await objective.linearize(theta);
    const found = await around.hvp(v);
    around.dispose();
    const expected = new Float64Array(network.numParams);
    const times = (w: FloatArray, x: FloatArray): number[] =>
      Array.from({ length: classes }, (_, c) => dot(w.subarray(c * features, (c + 1) * features), x));
    for (let s = 0; s < count; s++) {
      const x = samples.inputs.data.subarray(s * features, (s + 1) * features) as Float64Array;
      const exponentials = times(theta, x).map(Math.exp);
      const total = exponentials.reduce((sum, value) => sum + value, 0);
      const p = exponentials.map((value) => value / total);
      const vx = times(v, x);
      const mean = p.reduce((sum, value, c) => sum + value * vx[c]!, 0);
      for (let c = 0; c < classes; c++)
        for (let f = 0; f < features; f++) expected[c * features + f]! += (p[c]! * (vx[c]! - mean) * x[f]!) / count;
    }
    found.forEach((value, i) => {
      expect(Math.abs(value - expected[i]!)).toBeLessThan(10 * SMALL_SLACK * u);
    });
    await objective.dispose();
  });
}
