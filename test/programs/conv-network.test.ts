import { describe, expect, test } from "vitest";
import { evaluate } from "../../src/programs/evaluate.ts";
import { grad } from "../../src/programs/grad.ts";
import { jvp } from "../../src/programs/jvp.ts";
import { linearize } from "../../src/programs/linearize.ts";
import * as ops from "../../src/programs/ops.ts";
import type { Program } from "../../src/programs/program.ts";
import { withOutputs } from "../../src/programs/simplify.ts";
import { type Shape, sizeOf, type Tensor } from "../../src/programs/tensor.ts";
import { trace } from "../../src/programs/trace.ts";
import type { Variable } from "../../src/programs/variable.ts";
import { createRandom, distance, dot, draw, float64, maxPool, moved } from "./support.ts";

const IMAGES = 4;
const SIZE = 6;
const CHANNELS = 2;
const WIDTH = 3;
const PARAMETERS: readonly Shape[] = [[WIDTH, CHANNELS, 3, 3], [WIDTH], [WIDTH], [WIDTH, WIDTH, 3, 3]];
const NUM_PARAMS = PARAMETERS.reduce((total, shape) => total + sizeOf(shape), 0);

/**
 * What convolutional networks are made of, smooth but for the pooling: convolution, batch norm over the ghost batch, tanh,
 * max-pool 2×2, a strided convolution, a mean of squares. Images are `[1, N/m, C, H, W·m]`, shared by R replicas.
 */
function traceNetwork(interleave: number, replicas: number): Program {
  const blocks = IMAGES / interleave;
  return trace(
    (theta, x) => {
      let offset = 0;
      const [w1, gain, shift, w2] = PARAMETERS.map((shape) => {
        const start = offset;
        offset += sizeOf(shape);
        return ops.reshape(ops.sliceAxis(theta!, 1, start, offset), [replicas, ...shape]);
      }) as [Variable, Variable, Variable, Variable];
      const same = [
        [1, 1],
        [1, 1],
      ] as const;
      const perChannel = (value: Variable): Variable => ops.reshape(value, [replicas, 1, WIDTH, 1, 1]);
      const z = ops.conv2d(x!, w1, { padding: same, interleave });
      const centred = ops.sub(z, ops.mean(z, [1, 3, 4], { keep: true }));
      const variance = ops.mean(ops.square(centred), [1, 3, 4], { keep: true });
      const normal = ops.mul(centred, ops.mul(ops.rsqrt(ops.addScalar(variance, 1e-5)), perChannel(gain)));
      const pooled = maxPool(ops.tanh(ops.add(normal, perChannel(shift))), interleave);
      const y = ops.conv2d(pooled, w2, { padding: same, strides: [2, 2], interleave });
      return [ops.mean(ops.square(y), [1, 2, 3, 4])];
    },
    [
      { name: "theta", aval: { dtype: "f32", shape: [replicas, NUM_PARAMS] } },
      { name: "x", aval: { dtype: "f32", shape: [1, blocks, CHANNELS, SIZE, SIZE * interleave] } },
    ],
    ["loss"],
  );
}

/** Images in NCHW as the blocked layout holds them. */
function interleaved(images: Tensor, interleave: number): Tensor {
  const rows = CHANNELS * SIZE * SIZE;
  const data = new Float64Array(images.data.length);
  for (let n = 0; n < IMAGES; n++)
    for (let k = 0; k < rows; k++) {
      const block = Math.floor(n / interleave);
      data[(block * rows + k) * interleave + (n % interleave)] = images.data[n * rows + k]!;
    }
  return float64([1, IMAGES / interleave, CHANNELS, SIZE, SIZE * interleave], data);
}

const random = createRandom(11);
const theta = draw({ dtype: "f64", shape: [1, NUM_PARAMS] }, random);
const images = draw({ dtype: "f64", shape: [1, IMAGES, CHANNELS, SIZE, SIZE] }, random);
const [v, w] = [draw(theta, random), draw(theta, random)];

describe("a convolutional network", () => {
  const gradient = grad(traceNetwork(1, 1), { wrt: [0] });
  const hessian = withOutputs(jvp(gradient, { wrt: [0] }), [3]);

  test("has the gradient that its differences show", () => {
    const [, slope] = evaluate(gradient, [theta, images]);
    const at = (h: number): number => evaluate(gradient, [moved(theta, h, v), images])[0]!.data[0]!;
    // h = 1e-5: h²·|L‴|/6 + ε/h, about 1e-9 here; no pooling window changes its maximum within h.
    expect(dot(slope!, v)).toBeCloseTo((at(1e-5) - at(-1e-5)) / 2e-5, 8);
  });

  test("has a symmetric Hessian that the differences of its gradient show", () => {
    const [hv] = evaluate(hessian, [theta, images, v]);
    const [hw] = evaluate(hessian, [theta, images, w]);
    expect(dot(w, hv!)).toBeCloseTo(dot(v, hw!), 12);
    const at = (h: number): Tensor => evaluate(gradient, [moved(theta, h, v), images])[1]!;
    const difference = moved(at(1e-5), -1, at(-1e-5));
    const quotient = float64(
      difference.shape,
      difference.data.map((value) => value / 2e-5),
    );
    expect(distance(hv!, quotient)).toBeLessThan(1e-7);
  });

  test("linearized gives the same products, to the bit", () => {
    const parts = linearize(gradient, { wrt: [0], outputs: [1] });
    const residuals = evaluate(parts.primal, [theta, images]).slice(-parts.numResiduals);
    const inputs = parts.tangentInputs.map((i) => [theta, images][i]!);
    const [product] = evaluate(parts.tangent, [...inputs, ...residuals, v]);
    expect(product!.data).toEqual(evaluate(hessian, [theta, images, v])[0]!.data);
  });

  for (const interleave of [2, 4])
    test(`computes the same with ${interleave} images interleaved`, () => {
      const blocked = grad(traceNetwork(interleave, 1), { wrt: [0] });
      const expected = evaluate(gradient, [theta, images]);
      evaluate(blocked, [theta, interleaved(images, interleave)]).forEach((tensor, i) => {
        expect(distance(tensor, expected[i]!)).toBeLessThan(1e-13);
      });
    });

  test("computes for three replicas what it does for each", () => {
    const thetas = draw({ dtype: "f64", shape: [3, NUM_PARAMS] }, random);
    const many = grad(traceNetwork(2, 3), { wrt: [0] });
    const one = grad(traceNetwork(2, 1), { wrt: [0] });
    const x = interleaved(images, 2);
    const [losses, slopes] = evaluate(many, [thetas, x]);
    for (let r = 0; r < 3; r++) {
      const alone = float64([1, NUM_PARAMS], thetas.data.slice(r * NUM_PARAMS, (r + 1) * NUM_PARAMS));
      const [loss, slope] = evaluate(one, [alone, x]);
      expect(losses!.data[r]).toBe(loss!.data[0]);
      expect(slopes!.data.slice(r * NUM_PARAMS, (r + 1) * NUM_PARAMS)).toEqual(slope!.data);
    }
  });
});
