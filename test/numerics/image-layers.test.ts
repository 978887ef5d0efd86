import { describe, expect, it } from "vitest";
import { batchNorm } from "../../src/numerics/layers/batch-norm.ts";
import { convolution } from "../../src/numerics/layers/convolution.ts";
import { givenPass, type ImagePass, measuringPass } from "../../src/numerics/layers/image-layer.ts";
import { flatten, globalAveragePool, maxPool } from "../../src/numerics/layers/pooling.ts";
import { residualBlock, shortcut } from "../../src/numerics/layers/residual.ts";
import { evaluate } from "../../src/programs/evaluate.ts";
import { grad } from "../../src/programs/grad.ts";
import * as ops from "../../src/programs/ops.ts";
import { type Shape, sizeOf, type Tensor } from "../../src/programs/tensor.ts";
import { trace } from "../../src/programs/trace.ts";
import type { Variable } from "../../src/programs/variable.ts";
import { createRandom, distance, draw, float64 } from "../programs/support.ts";

/** Applies `layer` in float64. */
function apply(
  layer: (pass: ImagePass, ...inputs: Variable[]) => Variable,
  inputs: readonly Tensor[],
  pass = measuringPass(1),
): Tensor {
  const named = inputs.map((aval, i) => ({ name: `input${i}`, aval }));
  return evaluate(
    trace((...variables) => [layer(pass, ...variables)], named, ["y"]),
    inputs,
  )[0]!;
}

/** NCHW images `[1, N, C, H, W]` with m of them interleaved. */
function interleaved(images: Tensor, m: number): Tensor {
  const [, count, channels, height, width] = images.shape as [number, number, number, number, number];
  const rows = channels * height * width;
  const data = new Float64Array(images.data.length);
  for (let n = 0; n < count; n++)
    for (let k = 0; k < rows; k++) data[(Math.floor(n / m) * rows + k) * m + (n % m)] = images.data[n * rows + k]!;
  return float64([1, count / m, channels, height, width * m], data);
}

const random = createRandom(5);
const drawn = (...shape: number[]): Tensor => draw({ dtype: "f64", shape }, random);

describe("max-pooling", () => {
  const slopes = (values: readonly number[]): number[] => {
    const program = trace(
      (x) => [ops.sum(maxPool("pool").apply(x, [], measuringPass(1)), [0, 1, 2, 3, 4])],
      [{ name: "x", aval: { dtype: "f64", shape: [1, 1, 1, 2, 2] } }],
      ["y"],
    );
    return [...evaluate(grad(program, { wrt: [0] }), [float64([1, 1, 1, 2, 2], values)])[1]!.data];
  };

  it("gives the derivative to the first of equals in row-major order", () => {
    expect(slopes([1, 2, 3, 4])).toEqual([0, 0, 0, 1]);
    expect(slopes([4, 4, 4, 4])).toEqual([1, 0, 0, 0]);
    // Top right before bottom left.
    expect(slopes([1, 4, 4, 1])).toEqual([0, 1, 0, 0]);
    expect(slopes([1, 1, 4, 4])).toEqual([0, 0, 1, 0]);
    expect(slopes([0, 0, 0, 0])).toEqual([1, 0, 0, 0]);
    expect(slopes([-3, -1, -1, -2])).toEqual([0, 1, 0, 0]);
  });

  it("takes the maximum of each window of each image and channel", () => {
    const x = drawn(1, 4, 3, 6, 4);
    const y = apply((pass, v) => maxPool("pool").apply(v, [], pass), [x]);
    expect(y.shape).toEqual([1, 4, 3, 3, 2]);
    for (let map = 0; map < 12; map++)
      for (let h = 0; h < 3; h++)
        for (let w = 0; w < 2; w++) {
          const corner = (map * 6 + 2 * h) * 4 + 2 * w;
          const window = [corner, corner + 1, corner + 4, corner + 5].map((at) => x.data[at]!);
          expect(y.data[(map * 3 + h) * 2 + w]).toBe(Math.max(...window));
        }
  });
});

describe("batch norm", () => {
  it("has means β, variances γ², and gathers biased statistics of the batch", () => {
    const x = drawn(1, 5, 2, 3, 4);
    const [gamma, beta] = [float64([1, 2], [2, -0.5]), float64([1, 2], [0.25, 3])];
    const pass = measuringPass(1);
    const program = trace(
      (v, g, b) => [batchNorm("bn", 2).apply(v, [g, b], pass), pass.statistics()],
      [x, gamma, beta].map((aval, i) => ({ name: `input${i}`, aval })),
      ["y", "statistics"],
    );
    const [y, statistics] = evaluate(program, [x, gamma, beta]) as [Tensor, Tensor];
    for (let c = 0; c < 2; c++) {
      const of = (t: Tensor): number[] => [...t.data].filter((_, at) => Math.floor(at / 12) % 2 === c);
      const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
      const variance = (values: readonly number[]): number => mean(values.map((v) => (v - mean(values)) ** 2));
      expect(statistics.data[c]).toBeCloseTo(mean(of(x)), 14);
      expect(statistics.data[2 + c]).toBeCloseTo(variance(of(x)), 14);
      expect(mean(of(y))).toBeCloseTo(beta.data[c]!, 13);
      // ε = 1e-5 under the root.
      const expected = (gamma.data[c]! ** 2 * variance(of(x))) / (variance(of(x)) + 1e-5);
      expect(variance(of(y))).toBeCloseTo(expected, 12);
    }
  });

  it("normalises by given statistics, of images and of features", () => {
    const statistics = float64([1, 4], [1, -2, 4, 0.25]);
    const run = (x: Tensor): Tensor =>
      apply(
        (_, v, s, g, b) => batchNorm("bn", 2).apply(v, [g, b], givenPass(1, s)),
        [x, statistics, float64([1, 2], [3, 5]), float64([1, 2], [10, 20])],
      );
    const expected = (value: number, c: number): number =>
      c === 0 ? (3 * (value - 1)) / Math.sqrt(4 + 1e-5) + 10 : (5 * (value + 2)) / Math.sqrt(0.25 + 1e-5) + 20;
    const images = drawn(1, 3, 2, 2, 1);
    run(images).data.forEach((value, at) => {
      expect(value).toBeCloseTo(expected(images.data[at]!, Math.floor(at / 2) % 2), 12);
    });
    const features = drawn(1, 2, 7);
    run(features).data.forEach((value, at) => {
      expect(value).toBeCloseTo(expected(features.data[at]!, Math.floor(at / 7)), 12);
    });
  });
});

describe("the residual block", () => {
  const x = drawn(1, 4, 2, 5, 6);
  const parameterShapes: readonly Shape[] = [[3, 2, 3, 3], [3], [3], [3, 3, 3, 3], [3], [3]];
  const parameters = parameterShapes.map((shape) => drawn(1, ...shape));

  it("has a shortcut of every second pixel, and zeros for new channels", () => {
    const y = apply((pass, v) => shortcut(v, 3, 2, pass), [x]);
    expect(y.shape).toEqual([1, 4, 3, 3, 3]);
    y.data.forEach((value, at) => {
      const [n, c, h, w] = [Math.floor(at / 27), Math.floor(at / 9) % 3, Math.floor(at / 3) % 3, at % 3];
      expect(value).toBe(c === 2 ? 0 : x.data[((n * 2 + c) * 5 + 2 * h) * 6 + 2 * w]);
    });
  });

  it.each([
    ["he", (branch: number, past: number) => Math.max(branch + past, 0)],
    ["before-addition", (branch: number, past: number) => Math.max(branch, 0) + past],
  ] as const)("adds its branch to the shortcut: %s", (form, join) => {
    const block = residualBlock("block", 2, 3, { stride: 2, form, activation: "relu" });
    expect(block.parameters.map(({ shape }) => shape)).toEqual(parameterShapes);
    const whole = apply((pass, v, ...p) => block.apply(v, p, pass), [x, ...parameters]);
    const branch = apply(
      (pass, v, w1, g1, b1, w2, g2, b2) => {
        const first = convolution("a", 2, 3, { stride: 2, bias: false }).apply(v, [w1!], pass);
        const inner = ops.relu(batchNorm("b", 3).apply(first, [g1!, b1!], pass));
        const second = convolution("c", 3, 3, { bias: false }).apply(inner, [w2!], pass);
        return batchNorm("d", 3).apply(second, [g2!, b2!], pass);
      },
      [x, ...parameters],
    );
    const past = apply((pass, v) => shortcut(v, 3, 2, pass), [x]);
    const expected = Float64Array.from(branch.data, (value, at) => join(value, past.data[at]!));
    expect(distance(whole, float64(whole.shape, expected))).toBe(0);
  });

  it("with a branch of zeros is the ReLU of its input (γ₂ = β₂ = 0)", () => {
    const block = residualBlock("block", 2, 2, { stride: 1, form: "he", activation: "relu" });
    const tensors = block.parameters.map(({ name, shape }) => {
      const tensor = drawn(1, ...shape);
      return name.includes("bn2")
        ? float64(
            tensor.shape,
            tensor.data.map(() => 0),
          )
        : tensor;
    });
    const y = apply((pass, v, ...p) => block.apply(v, p, pass), [x, ...tensors]);
    expect(y.data).toEqual(x.data.map((value) => Math.max(value, 0)));
  });
});

describe("from images to features", () => {
  const x = drawn(1, 6, 2, 3, 4);
  const [pixels, size] = [12, 24];

  it.each([1, 2, 3, 6])("flattens channels first, samples last, with %i images interleaved", (m) => {
    const y = apply((pass, v) => flatten("flatten").apply(v, [], pass), [interleaved(x, m)], measuringPass(m));
    expect(y.shape).toEqual([1, size, 6]);
    y.data.forEach((value, at) => {
      expect(value).toBe(x.data[(at % 6) * size + Math.floor(at / 6)]);
    });
  });

  it.each([1, 3])("averages each channel, with %i images interleaved", (m) => {
    const y = apply((pass, v) => globalAveragePool("pool").apply(v, [], pass), [interleaved(x, m)], measuringPass(m));
    expect(y.shape).toEqual([1, 2, 6]);
    y.data.forEach((value, at) => {
      const map = (at % 6) * 2 + Math.floor(at / 6);
      const sum = Float64Array.from(x.data.slice(map * pixels, (map + 1) * pixels)).reduce((total, v) => total + v, 0);
      expect(value).toBeCloseTo(sum / pixels, 14);
    });
  });

  it("all layers compute with interleaved images what they do without", () => {
    const images = drawn(1, 6, 2, 4, 6);
    const block = residualBlock("block", 2, 3, { stride: 2, form: "he", activation: "relu" });
    const conv = convolution("conv", 2, 2);
    const parameters = [...conv.parameters, ...block.parameters].map(({ shape }) => drawn(1, ...shape));
    const run = (m: number): Tensor =>
      apply(
        (pass, v, ...p) => {
          const pooled = maxPool("pool").apply(conv.apply(v, p.slice(0, 2), pass), [], pass);
          return flatten("flatten").apply(block.apply(pooled, p.slice(2), pass), [], pass);
        },
        [interleaved(images, m), ...parameters],
        measuringPass(m),
      );
    // Sums in another order: 6·6 terms in the statistics.
    for (const m of [2, 3, 6]) expect(distance(run(m), run(1))).toBeLessThan(1e-13);
    expect(sizeOf(run(1).shape)).toBe(6 * 3 * 1 * 2);
  });
});
