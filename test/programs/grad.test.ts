import { describe, expect, test } from "vitest";
import { evaluate } from "../../src/programs/evaluate.ts";
import { grad } from "../../src/programs/grad.ts";
import { jvp } from "../../src/programs/jvp.ts";
import * as ops from "../../src/programs/ops.ts";
import type { Program } from "../../src/programs/program.ts";
import type { Shape, Tensor } from "../../src/programs/tensor.ts";
import { inline, trace } from "../../src/programs/trace.ts";
import {
  count,
  createRandom,
  distance,
  dot,
  draw,
  float64,
  mlpInputs,
  moved,
  numParams,
  traceMlpLoss,
} from "./support.ts";

const f32 = (name: string, shape: Shape) => ({ name, aval: { dtype: "f32", shape } }) as const;

const MLP = { layers: [5, 4, 4, 3], replicas: 2, samples: 7 };

/** vᵀHv of a loss, for each replica: the program's last input is v. */
function quadraticForm(gradient: Program): Program {
  const hessian = jvp(gradient, { wrt: [0] });
  return trace(
    (...inputs) => {
      const products = inline(hessian, inputs);
      return [ops.sum(ops.mul(inputs.at(-1)!, products.at(-1)!), [1])];
    },
    hessian.inputs.map((aval, i) => ({ name: hessian.inputNames[i]!, aval })),
    ["vHv"],
  );
}

describe("grad", () => {
  test("of a tanh network is the central difference of its loss, for each replica alone", () => {
    const loss = traceMlpLoss(MLP, ops.tanh);
    const inputs = mlpInputs(MLP);
    const [, gradient] = evaluate(grad(loss, { wrt: [0] }), inputs);
    const size = numParams(MLP);
    for (const [replica, k] of [
      [0, 0],
      [0, size - 1],
      [1, 3],
      [1, 25],
    ] as const) {
      const direction = float64([2, size], new Float64Array(2 * size));
      direction.data[replica * size + k] = 1;
      const at = (h: number): Tensor => evaluate(loss, [moved(inputs[0]!, h, direction), ...inputs.slice(1)])[0]!;
      // h = 1e-5: h²·|L‴|/6 + ε/h, about 1e-10.
      const [ahead, behind] = [at(1e-5), at(-1e-5)];
      expect(gradient!.data[replica * size + k]!).toBeCloseTo((ahead.data[replica]! - behind.data[replica]!) / 2e-5, 8);
      expect(ahead.data[1 - replica]).toBe(behind.data[1 - replica]);
    }
  });

  test("keeps the outputs, differentiates the one that is asked for, by each input that is asked for", () => {
    const program = trace(
      (x, y) => [ops.sum(ops.mul(x!, y!), [0]), ops.sum(ops.square(x!), [0])],
      [f32("x", [3]), f32("y", [3])],
      ["xy", "xx"],
    );
    const inputs = [float64([3], [1, 2, 3]), float64([3], [4, 5, 6])];
    const first = grad(program, { wrt: [1, 0] });
    expect(first.outputNames).toEqual(["xy", "xx", "grad.y", "grad.x"]);
    expect(evaluate(first, inputs).map(({ data }) => [...data])).toEqual([[32], [14], [1, 2, 3], [4, 5, 6]]);
    const second = grad(program, { output: 1, wrt: [0, 1] });
    expect(evaluate(second, inputs).map(({ data }) => [...data])).toEqual([[32], [14], [2, 4, 6], [0, 0, 0]]);
  });

  test("of an input that the output ignores is zero, also behind stopGradient and step", () => {
    const program = trace(
      (x, y) => [ops.sum(ops.mul(ops.stopGradient(x!), ops.step(y!)), [0])],
      [f32("x", [2]), f32("y", [2])],
      ["s"],
    );
    const gradient = grad(program, { wrt: [0, 1] });
    expect(count(gradient, "fill")).toBe(1);
    expect(
      evaluate(gradient, [float64([2], [1, 2]), float64([2], [3, 4])])
        .slice(1)
        .map(({ data }) => [...data]),
    ).toEqual([
      [0, 0],
      [0, 0],
    ]);
  });

  test("of relu at 0 is 0", () => {
    const program = trace((x) => [ops.sum(ops.relu(x!), [0])], [f32("x", [3])], ["s"]);
    const [, gradient] = evaluate(grad(program, { wrt: [0] }), [float64([3], [-1, 0, 1])]);
    expect([...gradient!.data]).toEqual([0, 0, 1]);
  });

  test("of max shares the derivative among ties", () => {
    const program = trace((x) => [ops.max(x!, [0])], [f32("x", [4])], ["s"]);
    const [, gradient] = evaluate(grad(program, { wrt: [0] }), [float64([4], [2, 1, 2, 0])]);
    expect([...gradient!.data]).toEqual([0.5, 0, 0.5, 0]);
  });

  test("of a pooling window goes to the first maximum, and to second order its mask is frozen", () => {
    // max over pairs by select: ties to the first.
    const program = trace(
      (x) => {
        const pairs = ops.reshape(x!, [3, 2]);
        const [a, b] = [ops.sliceAxis(pairs, 1, 0, 1), ops.sliceAxis(pairs, 1, 1, 2)];
        return [ops.sum(ops.square(ops.select(ops.step(ops.sub(b, a)), b, a)), [0, 1])];
      },
      [f32("x", [6])],
      ["s"],
    );
    const inputs = [float64([6], [1, 1, 2, 3, 5, 4])];
    const gradient = grad(program, { wrt: [0] });
    expect([...evaluate(gradient, inputs)[1]!.data]).toEqual([2, 0, 0, 6, 10, 0]);
    const [, , , hv] = evaluate(jvp(gradient, { wrt: [0] }), [...inputs, float64([6], [1, 10, 100, 1000, 1e4, 1e5])]);
    expect([...hv!.data]).toEqual([2, 0, 0, 2000, 2e4, 0]);
    // The pieces meet by one concatenation, not by padding and adding.
    expect([count(gradient, "pad"), count(gradient, "concat")]).toEqual([0, 1]);
  });

  test("interleaves what strided slices send back", () => {
    const program = trace(
      (x) => {
        const every = (start: number) => ops.slice(x!, { starts: [0, start], limits: [2, 6], strides: [1, 3] });
        const product = ops.mul(ops.mul(every(0), every(1)), every(2));
        return [ops.sum(product, [0, 1])];
      },
      [f32("x", [2, 6])],
      ["s"],
    );
    const gradient = grad(program, { wrt: [0] });
    expect(count(gradient, "pad")).toBe(0);
    const x = draw(program.inputs[0]!, createRandom(3));
    const [, g] = evaluate(gradient, [x]);
    const [a, b, c] = x.data;
    expect(g!.data[0]).toBeCloseTo(b! * c!, 14);
    expect(g!.data[1]).toBeCloseTo(a! * c!, 14);
    expect(g!.data[2]).toBeCloseTo(a! * b!, 14);
  });
});

describe("higher orders", () => {
  test("the Hessian of a tanh network is symmetric and the difference of gradients", () => {
    const gradient = grad(traceMlpLoss(MLP, ops.tanh), { wrt: [0] });
    const hessian = jvp(gradient, { wrt: [0] });
    const inputs = mlpInputs(MLP);
    const random = createRandom(1);
    const [v, w] = [draw(gradient.inputs[0]!, random), draw(gradient.inputs[0]!, random)];
    const [hv, hw] = [v, w].map((direction) => evaluate(hessian, [...inputs, direction])[3]!);
    expect(dot(w, hv!)).toBeCloseTo(dot(v, hw!), 12);
    const at = (h: number): Tensor => evaluate(gradient, [moved(inputs[0]!, h, v), ...inputs.slice(1)])[1]!;
    const difference = moved(at(1e-5), -1, at(-1e-5));
    expect(
      distance(
        hv!,
        float64(
          hv!.shape,
          difference.data.map((value) => value / 2e-5),
        ),
      ),
    ).toBeLessThan(1e-8);
  });

  test("third order: the gradient of vᵀHv is its difference, and D³L is symmetric", () => {
    const loss = traceMlpLoss(MLP, ops.tanh);
    const form = quadraticForm(grad(loss, { wrt: [0] }));
    const third = grad(form, { wrt: [0] });
    const inputs = mlpInputs(MLP);
    const random = createRandom(2);
    const v = draw(loss.inputs[0]!, random);
    const w = draw(loss.inputs[0]!, random);
    const [, slope] = evaluate(third, [...inputs, v]);
    // Summed over the replicas, as grad does.
    const at = (h: number): number => {
      const [forms] = evaluate(form, [moved(inputs[0]!, h, w), ...inputs.slice(1), v]);
      return dot(forms!, float64([2], [1, 1]));
    };
    expect(dot(slope!, w)).toBeCloseTo((at(1e-5) - at(-1e-5)) / 2e-5, 7);
    // D³L[v, v, w] as the derivative of the gradient, twice along v, against w.
    const twice = jvp(jvp(grad(loss, { wrt: [0] }), { wrt: [0] }), { wrt: [0] });
    const outputs = evaluate(twice, [...inputs, v, v]);
    expect(twice.outputNames[7]).toBe("d.d.grad.theta");
    expect(dot(outputs[7]!, w)).toBeCloseTo(dot(slope!, w), 11);
  });

  test("fourth derivatives of a product are exact", () => {
    const power = trace((x) => [ops.square(ops.square(x!))], [f32("x", [1])], ["y"]);
    const first = grad(power, { wrt: [0] });
    const second = grad(first, { output: 1, wrt: [0] });
    const third = grad(second, { output: 2, wrt: [0] });
    const fourth = grad(third, { output: 3, wrt: [0] });
    expect(evaluate(fourth, [float64([1], [2])]).map(({ data }) => data[0])).toEqual([16, 32, 48, 48, 24]);
  });
});

describe("softmax regression at W = 0 (PROTOCOL C.5)", () => {
  test("has loss log K and the Hessian (1/K)(I − 11ᵀ/K) ⊗ XᵀX/n", () => {
    const [classes, features, samples] = [3, 4, 6];
    const sizes = { layers: [features, classes], replicas: 1, samples };
    const [, x, y] = mlpInputs(sizes) as [Tensor, Tensor, Tensor];
    const loss = traceMlpLoss(sizes);
    const hessian = jvp(grad(loss, { wrt: [0] }), { wrt: [0] });
    const zero = float64([1, classes * features], new Float64Array(classes * features));
    const v = draw(zero, createRandom(5));
    const [value, gradient, , product] = evaluate(hessian, [zero, x, y, v]);
    expect(value!.data[0]).toBeCloseTo(Math.log(classes), 14);
    const at = (row: number, column: number): number => x.data[row * samples + column]!;
    const columns = Array.from({ length: samples }, (_, n) => n);
    for (let k = 0; k < classes; k++)
      for (let i = 0; i < features; i++) {
        const slope = columns
          .map((n) => (1 / classes - y.data[k * samples + n]!) * at(i, n))
          .reduce((a, b) => a + b, 0);
        expect(gradient!.data[k * features + i]).toBeCloseTo(slope / samples, 14);
        let expected = 0;
        for (let l = 0; l < classes; l++)
          for (let j = 0; j < features; j++) {
            const moment = columns.map((n) => at(i, n) * at(j, n)).reduce((a, b) => a + b, 0) / samples;
            expected += (((k === l ? 1 : 0) - 1 / classes) / classes) * moment * v.data[l * features + j]!;
          }
        expect(product!.data[k * features + i]).toBeCloseTo(expected, 13);
      }
  });
});
