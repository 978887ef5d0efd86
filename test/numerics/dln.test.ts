import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  alignment2,
  alignmentN,
  beta,
  derivatives,
  eigenpairs,
  gammaBeta,
  gradient,
  hessian,
  type Polynomial,
  product,
  progressiveSharpening,
  QUADRATIC,
  sharpness,
  sharpnessGradient,
  thresholds,
} from "../../src/numerics/dln.ts";
import { descend, summarise } from "../../src/numerics/dln-trajectory.ts";

const START = [-0.1, 10];
/** Convex, even in degree, minimum at 0: z = Θ² + Θ³/4 + Θ⁴/8 has z″ = 2 + 1.5Θ + 1.5Θ² > 0. */
const QUARTIC: Polynomial = [0, 0, 1, 0.25, 0.125];

/** Away from zero, where R₂ and R_n divide, and of a size at which differences keep eight digits. */
const parameter = fc.double({ min: 0.2, max: 3, noNaN: true }).chain((size) => fc.constantFrom(size, -size));
const parameters = fc.array(parameter, { minLength: 2, maxLength: 4 });
const polynomial = fc.constantFrom(QUADRATIC, QUARTIC);

/** Central differences have an error of h²f‴/6 + u|f|/h, least near h = ∛u. */
const STEP = Math.cbrt(2 ** -53);
const nudge = (theta: readonly number[], i: number, h: number) => theta.map((x, j) => (i === j ? x + h : x));
const loss = (theta: readonly number[], z: Polynomial) => derivatives(z, product(theta))[0];

describe("the diagonal linear network at (−0.1, 10), z = Θ² (PROTOCOL C.1)", () => {
  // Given to 7 decimals: half a unit of the last.
  const digits = 6;

  it("has the Hessian [[200, −4], [−4, 0.02]]", () => {
    const h = hessian(START);
    expect(h[0]![0]).toBeCloseTo(200, 12);
    expect(h[0]![1]).toBeCloseTo(-4, 12);
    expect(h[1]![0]).toBe(h[0]![1]);
    expect(h[1]![1]).toBeCloseTo(0.02, 12);
  });

  it("has the eigenpairs, β and R₂", () => {
    const { values, vectors } = eigenpairs(START);
    expect(values[0]).toBeCloseTo(200.079976, digits);
    expect(values[1]).toBeCloseTo(-0.059976, digits);
    expect(vectors[0]![0]).toBeCloseTo(0.9998002, digits);
    expect(vectors[0]![1]).toBeCloseTo(-0.01999, digits);
    expect(beta(START)).toBeCloseTo(24.9975, 10);
    expect(alignment2(START)).toBeCloseTo(50.014994, digits);
  });

  it("has ∇S and α", () => {
    const [first, second] = sharpnessGradient(START);
    expect(first).toBeCloseTo(-1.599041, digits);
    expect(second).toBeCloseTo(40.0000048, digits);
    expect(progressiveSharpening(START)).toBeCloseTo(-39.9808211, digits);
  });

  it("has its thresholds at 0.005 and 50, 0.01 (edge), 2/s (γ_β = 1) and 0.5 (γ_β = 0)", () => {
    const { asymptotes, unity, zero, edge } = thresholds(START);
    expect(asymptotes[0]).toBeCloseTo(0.005, 15);
    expect(asymptotes[1]).toBeCloseTo(50, 12);
    expect(edge).toBeCloseTo(0.01, 15);
    expect(unity).toBeCloseTo(0.01 * (1 - 0.01 / 100.01), 15);
    expect(zero).toBeCloseTo(0.5, 15);
    expect(gammaBeta(START, unity)).toBeCloseTo(1, 12);
    expect(gammaBeta(START, zero)).toBeCloseTo(0, 12);
    // Within 1e-9 of an asymptote the denominator is about 1e-9·|s|·|z′| or less.
    for (const eta of asymptotes) expect(gammaBeta(START, eta * (1 + 1e-9))).toBeGreaterThan(1e5);
  });

  it.each([
    { eta: 0.001, gamma: 1.25002, final: 199.977778, largest: 1, largestStep: 0, least: 50.015, above: 0 },
    { eta: 0.0095, gamma: 1.110921, final: 199.606583, largest: 1, largestStep: 0, least: 50.015, above: 0 },
    { eta: 0.011, gamma: 0.833113, final: 160.618177, largest: 6.941737, largestStep: 14, least: 6.592363, above: 15 },
    { eta: 0.013, gamma: 0.62474, final: 82.954329, largest: 18.87952, largestStep: 7, least: 2.063005, above: 9 },
  ])("goes with η = $eta to S = $final", ({ eta, gamma, final, largest, largestStep, least, above }) => {
    const trajectory = descend(START, eta);
    const summary = summarise(trajectory);
    expect(trajectory.ending).toBe("converged");
    expect(gammaBeta(START, eta)).toBeCloseTo(gamma, 6);
    expect(Math.abs(summary.finalSharpness - final)).toBeLessThanOrEqual(1e-6);
    expect(Math.abs(summary.maxProduct - largest)).toBeLessThanOrEqual(1e-6);
    expect(summary.maxProductStep).toBe(largestStep);
    expect(summary.minAlignment).toBeCloseTo(least, least > 50 ? 3 : 6);
    expect(summary.stepsAboveThreshold).toBe(above);
    // The paper's claim: stable η aligns v₁ with θ₁ at every step, unstable η turns it away first.
    expect(summary.alignmentRises).toBe(above === 0);
    expect(trajectory.states[1]!.alignment! > trajectory.states[0]!.alignment!).toBe(above === 0);
  });

  it("diverges as an ending, not as an exception", () => {
    expect(descend(START, 0.1).ending).toBe("diverged");
    expect(descend(START, 0.001, { maxSteps: 3 })).toMatchObject({ ending: "max-steps", states: { length: 4 } });
  });
});

describe("n = 3, θ = (0.5, 2, 3), z = Θ² (PROTOCOL C.1)", () => {
  const theta = [0.5, 2, 3];

  it("has the eigenvalues and R₃", () => {
    const { values } = eigenpairs(theta);
    for (const [i, expected] of [94.07702222, -2.66786274, -12.90915948].entries()) {
      expect(values[i]).toBeCloseTo(expected, 8);
    }
    expect(alignmentN(theta, 1)).toBeCloseTo(2.37424831, 8);
    expect(alignmentN(theta, 2)).toBeCloseTo(3.47105292, 8);
  });

  it("has the Hessian of PROTOCOL B.6: (z″Θ² + z′Θ)/θ_jθ_k − δ_jk z′Θ/θ_k²", () => {
    const big = product(theta);
    const [, first, second] = derivatives(QUADRATIC, big);
    for (const [j, row] of hessian(theta).entries()) {
      for (const [k, value] of row.entries()) {
        const expected = (second * big ** 2 + first * big) / (theta[j]! * theta[k]!);
        expect(value).toBeCloseTo(expected - (j === k ? (first * big) / theta[k]! ** 2 : 0), 10);
      }
    }
  });
});

describe("identities for any θ and z", () => {
  it("gradient and Hessian are the differences of L and of the gradient", () => {
    fc.assert(
      fc.property(parameters, polynomial, (theta, z) => {
        const g = gradient(theta, z);
        const h = hessian(theta, z);
        // |Θ| ≤ 81 and z has degree 4: values and their derivatives stay below 1e9, differences keep 2⁻³⁵ of that.
        const scale = 1 + Math.max(...h.flat().map(Math.abs), ...g.map(Math.abs), loss(theta, z));
        theta.forEach((_, i) => {
          const up = nudge(theta, i, STEP);
          const down = nudge(theta, i, -STEP);
          expect(Math.abs((loss(up, z) - loss(down, z)) / (2 * STEP) - g[i]!)).toBeLessThan(1e-8 * scale);
          const [gUp, gDown] = [gradient(up, z), gradient(down, z)];
          theta.forEach((_, j) => {
            expect(Math.abs((gUp[j]! - gDown[j]!) / (2 * STEP) - h[i]![j]!)).toBeLessThan(1e-8 * scale);
          });
        });
      }),
    );
  });

  it("eigenpairs satisfy Hv = λv and are orthonormal", () => {
    fc.assert(
      fc.property(parameters, polynomial, (theta, z) => {
        const h = hessian(theta, z);
        const { values, vectors } = eigenpairs(theta, z);
        const size = Math.max(...h.flat().map(Math.abs));
        vectors.forEach((v, i) => {
          h.forEach((row, j) => {
            const hv = row.reduce((sum, x, k) => sum + x * v[k]!, 0);
            expect(Math.abs(hv - values[i]! * v[j]!)).toBeLessThan(1e-13 * size);
          });
          vectors.forEach((w, j) => {
            const dot = v.reduce((sum, x, k) => sum + x * w[k]!, 0);
            expect(dot).toBeCloseTo(i === j ? 1 : 0, 13);
          });
        });
      }),
    );
  });

  it("R₂ and R_n are the ratios of v₁'s components", () => {
    fc.assert(
      fc.property(parameters, polynomial, (unsorted, z) => {
        const theta = [...unsorted].sort((a, b) => Math.abs(a) - Math.abs(b));
        const v = eigenpairs(theta, z).vectors[0]!;
        for (let k = 1; k < theta.length; k++) {
          const ratio = Math.abs(v[0]! / v[k]!);
          expect(alignmentN(theta, k, z) / ratio).toBeCloseTo(1, 7);
          if (theta.length === 2 && Math.abs(hessian(theta, z)[0]![1]!) > 1e-9) {
            expect(alignment2(theta, z) / ratio).toBeCloseTo(1, 7);
          }
        }
      }),
    );
  });

  it("γ_β is β's ratio over one step, exactly, for z = Θ²", () => {
    fc.assert(
      fc.property(parameter, parameter, fc.double({ min: 1e-4, max: 0.3, noNaN: true }), (a, b, eta) => {
        fc.pre(Math.abs(Math.abs(a) - Math.abs(b)) > 0.01);
        const gamma = gammaBeta([a, b], eta);
        fc.pre(gamma < 1e6); // Next to an asymptote both sides are ill-conditioned.
        const [ga, gb] = gradient([a, b]);
        const stepped = beta([a - eta * ga!, b - eta * gb!]) / beta([a, b]);
        expect(Math.abs(stepped - gamma)).toBeLessThan(1e-8 * Math.max(1, gamma));
      }),
    );
  });

  it("∇S is the difference of S wherever λ₁ is simple", () => {
    fc.assert(
      fc.property(parameters, polynomial, (theta, z) => {
        const { values } = eigenpairs(theta, z);
        const gap = (values[0]! - values[1]!) / Math.max(...values.map(Math.abs));
        fc.pre(gap > 0.05);
        const g = sharpnessGradient(theta, z);
        const scale = Math.max(...g.map(Math.abs), ...values.map(Math.abs)) / gap ** 2;
        theta.forEach((_, i) => {
          const difference = (sharpness(nudge(theta, i, STEP), z) - sharpness(nudge(theta, i, -STEP), z)) / (2 * STEP);
          expect(Math.abs(difference - g[i]!)).toBeLessThan(1e-8 * scale);
        });
      }),
    );
  });

  it("∇S is the derivative of λ₁ = (a + c)/2 + √(((a − c)/2)² + b²) for n = 2, z = Θ²", () => {
    fc.assert(
      fc.property(parameter, parameter, (x, y) => {
        // a = 2y², b = 4xy, c = 2x².
        const d = y * y - x * x;
        const root = Math.hypot(d, 4 * x * y);
        const expected = [2 * x + (-2 * x * d + 16 * x * y * y) / root, 2 * y + (2 * y * d + 16 * x * x * y) / root];
        const g = sharpnessGradient([x, y]);
        expect(g[0]).toBeCloseTo(expected[0]!, 11);
        expect(g[1]).toBeCloseTo(expected[1]!, 11);
      }),
    );
  });

  it("the closed forms of two parameters refuse three", () => {
    expect(() => gammaBeta([1, 2, 3], 0.1)).toThrow("for 2 parameters, got 3");
  });
});
