import { describe, expect, test } from "vitest";
import { evaluate } from "../../src/programs/evaluate.ts";
import { withFloat } from "../../src/programs/float.ts";
import { grad } from "../../src/programs/grad.ts";
import { jvp } from "../../src/programs/jvp.ts";
import * as ops from "../../src/programs/ops.ts";
import { print } from "../../src/programs/print.ts";
import type { Program } from "../../src/programs/program.ts";
import { simplify, withOutputs } from "../../src/programs/simplify.ts";
import type { Shape } from "../../src/programs/tensor.ts";
import { trace } from "../../src/programs/trace.ts";
import type { Variable } from "../../src/programs/variable.ts";
import { count, createRandom, distance, draw, mlpInputs, traceMlpLoss } from "./support.ts";

const X: Shape = [2, 3, 4];

/** One output of one or two inputs `[2, 3, 4]`. */
function traceOne(fn: (x: Variable, y: Variable) => Variable, shape: Shape = X): Program {
  const aval = { dtype: "f32", shape } as const;
  return trace(
    (x, y) => [fn(x!, y!)],
    [
      { name: "x", aval },
      { name: "y", aval },
    ],
    ["z"],
  );
}

const body = (program: Program): string[] =>
  print(program)
    .trim()
    .split("\n")
    .slice(1)
    .map((line) => line.trim());

/** The rewritten program has the values of the traced one. */
function expectSameValues(program: Program): void {
  const random = createRandom(7);
  const inputs = program.inputs.map((aval) => draw(aval, random, [0.5, 2]));
  const [before, after] = [evaluate(program, inputs)[0]!, evaluate(simplify(program), inputs)[0]!];
  expect(after.shape).toEqual(before.shape);
  expect(distance(after, before)).toBeLessThan(1e-14);
}

const cases: readonly (readonly [string, (x: Variable, y: Variable) => Variable, readonly string[]])[] = [
  ["x + 0", (x) => ops.add(x, ops.zeros(X)), ["return z=x"]],
  ["x · 0", (x) => ops.mul(ops.zeros(X), ops.exp(x)), ["a:f32[2,3,4] = fill[0]", "return z=a"]],
  ["x · 1", (x) => ops.mul(x, ops.ones([1, 1, 1])), ["return z=x"]],
  ["x / 4", (x) => ops.div(x, ops.full(X, 4)), ["a:f32[2,3,4] = scale[0.25] x", "return z=a"]],
  [
    "4 / x",
    (x) => ops.div(ops.full(X, 4), x),
    ["a:f32[2,3,4] = reciprocal x", "b:f32[2,3,4] = scale[4] a", "return z=b"],
  ],
  ["x + x", (x) => ops.add(x, x), ["a:f32[2,3,4] = scale[2] x", "return z=a"]],
  ["x − x", (x) => ops.sub(x, x), ["a:f32[2,3,4] = fill[0]", "return z=a"]],
  ["x + (−y)", (x, y) => ops.add(x, ops.neg(y)), ["a:f32[2,3,4] = sub x y", "return z=a"]],
  ["−(x − y)", (x, y) => ops.neg(ops.sub(x, y)), ["a:f32[2,3,4] = sub y x", "return z=a"]],
  ["−(−x)", (x) => ops.neg(ops.neg(x)), ["return z=x"]],
  ["2·(3·x)", (x) => ops.scale(ops.scale(x, 3), 2), ["a:f32[2,3,4] = scale[6] x", "return z=a"]],
  ["exp of a constant", (x) => ops.add(x, ops.exp(ops.zeros(X))), ["a:f32[2,3,4] = addScalar[1] x", "return z=a"]],
  [
    "common subexpressions",
    (x, y) => ops.mul(ops.add(x, y), ops.add(y, x)),
    ["a:f32[2,3,4] = add x y", "b:f32[2,3,4] = mul a a", "return z=b"],
  ],
  ["relu twice", (x) => ops.relu(ops.relu(x)), ["a:f32[2,3,4] = relu x", "return z=a"]],
  [
    "a mask of what is masked",
    (x) => ops.mul(ops.relu(x), ops.step(ops.relu(x))),
    ["a:f32[2,3,4] = relu x", "return z=a"],
  ],
  ["log of exp", (x) => ops.log(ops.exp(x)), ["return z=x"]],
  [
    "a sum of sums",
    (x) => ops.sum(ops.sum(x, [2], { keep: true }), [1], { keep: true }),
    ["a:f32[2,1,1] = sum[axes=1,2] x", "return z=a"],
  ],
  [
    "a sum of a broadcast",
    (x) => ops.sum(ops.broadcast(ops.sum(x, [1], { keep: true }), X), [1], { keep: true }),
    ["a:f32[2,1,4] = sum[axes=1] x", "b:f32[2,1,4] = scale[3] a", "return z=b"],
  ],
  [
    "a broadcast under an operation",
    (x, y) => ops.mul(ops.broadcast(ops.exp(ops.sum(x, [1], { keep: true })), X), y),
    ["a:f32[2,1,4] = sum[axes=1] x", "b:f32[2,1,4] = exp a", "c:f32[2,3,4] = mul b y", "return z=c"],
  ],
  [
    "an operation on a broadcast",
    (x) => ops.exp(ops.broadcast(ops.sum(x, [1], { keep: true }), X)),
    ["a:f32[2,1,4] = sum[axes=1] x", "b:f32[2,1,4] = exp a", "c:f32[2,3,4] = broadcast b", "return z=c"],
  ],
  [
    "reshapes",
    (x) => ops.reshape(ops.reshape(ops.reshape(x, [6, 4]), [24]), [2, 12]),
    ["a:f32[2,12] = reshape x", "return z=a"],
  ],
  ["a reshape and back", (x) => ops.reshape(ops.reshape(x, [24]), X), ["return z=x"]],
  ["transposes", (x) => ops.transpose(ops.transpose(x, [1, 0, 2]), [1, 0, 2]), ["return z=x"]],
  [
    "a transposed left operand",
    (x, y) => ops.matmul(ops.transpose(x, [0, 2, 1]), y),
    ["a:f32[2,4,4] = matmul[transposeA] x y", "return z=a"],
  ],
  [
    "a transposed right operand",
    (x, y) => ops.matmul(x, ops.transpose(y, [0, 2, 1])),
    ["a:f32[2,3,3] = matmul[transposeB] x y", "return z=a"],
  ],
  [
    "a transpose of a transposed operand",
    (x, y) => ops.matmul(ops.transpose(x, [0, 2, 1]), y, { transposeA: true, transposeB: true }),
    ["a:f32[2,3,3] = matmul[transposeB] x y", "return z=a"],
  ],
  ["a product with zeros", (x) => ops.matmul(x, ops.zeros([1, 4, 5])), ["a:f32[2,3,5] = fill[0]", "return z=a"]],
  [
    "a slice of a concatenation",
    (x, y) => ops.sliceAxis(ops.concat([x, y], 1), 1, 3, 5),
    ["a:f32[2,2,4] = slice[0:2,0:2,0:4] y", "return z=a"],
  ],
  ["slices joined again", (x) => ops.concat([ops.sliceAxis(x, 2, 0, 1), ops.sliceAxis(x, 2, 1, 4)], 2), ["return z=x"]],
  [
    "a slice of a slice",
    (x) => ops.slice(ops.sliceAxis(x, 2, 1, 4), { starts: [0, 0, 0], limits: [2, 3, 3], strides: [1, 2, 2] }),
    ["a:f32[2,2,2] = slice[0:2,0:3:2,1:4:2] x", "return z=a"],
  ],
  [
    "a slice of a padding's inside",
    (x) => ops.sliceAxis(ops.pad(x, { low: [0, 0, 2], high: [0, 0, 1] }), 2, 2, 6),
    ["return z=x"],
  ],
  [
    "a slice of padding",
    (x) => ops.sliceAxis(ops.pad(x, { low: [0, 0, 2], high: [0, 0, 1] }), 2, 0, 2),
    ["a:f32[2,3,2] = fill[0]", "return z=a"],
  ],
  [
    "dead code",
    (x, y) => {
      ops.exp(ops.matmul(x, y, { transposeB: true }));
      return x;
    },
    ["return z=x"],
  ],
];

describe("simplify", () => {
  for (const [name, fn, expected] of cases)
    test(`${name}: fewer equations, the same values, a fixed point`, () => {
      const program = traceOne(fn);
      const simple = simplify(program);
      expect(body(simple)).toEqual(expected);
      expectSameValues(program);
      expect(print(simplify(simple))).toBe(print(simple));
    });

  test("a transpose that only moves axes of length 1 is a reshape", () => {
    expect(body(simplify(traceOne((x) => ops.transpose(x, [1, 0, 2]), [1, 3, 4])))).toEqual([
      "a:f32[3,1,4] = reshape x",
      "return z=a",
    ]);
  });

  test("a batch broadcast under a product", () => {
    const program = traceOne((x, y) =>
      ops.matmul(ops.broadcast(ops.sum(x, [0], { keep: true }), X), y, { transposeB: true }),
    );
    expect(count(simplify(program), "broadcast")).toBe(0);
    expectSameValues(program);
  });

  test("different shapes of one constant stay apart", () => {
    const program = traceOne((x) => ops.concat([ops.zeros([2, 1, 4]), x, ops.zeros([2, 2, 4])], 1));
    expect(count(simplify(program), "fill")).toBe(2);
    expectSameValues(program);
  });

  test("transforms return fixed points", () => {
    const loss = traceMlpLoss({ layers: [5, 4, 3], replicas: 2, samples: 7 });
    const gradient = grad(loss, { wrt: [0] });
    const hessian = jvp(gradient, { wrt: [0] });
    for (const program of [gradient, hessian]) expect(print(simplify(program))).toBe(print(program));
  });

  test("the MLP's gradient holds no transpose, no broadcast, no product twice, and one concatenation", () => {
    const gradient = grad(traceMlpLoss({ layers: [784, 32, 32, 32, 32, 10], replicas: 47, samples: 1000 }), {
      wrt: [0],
    });
    expect(["transpose", "broadcast", "pad", "fill"].map((name) => count(gradient, name))).toEqual([0, 0, 0, 0]);
    // 5 forward, 4 towards the inputs (the first layer's is not wanted), 5 for the weights.
    expect(count(gradient, "matmul")).toBe(14);
    expect(count(gradient, "concat")).toBe(1);
    expect(count(gradient, "step")).toBe(4);
    const hessian = withOutputs(jvp(gradient, { wrt: [0] }), [3]);
    expect(["transpose", "broadcast", "pad", "fill"].map((name) => count(hessian, name))).toEqual([0, 0, 0, 0]);
    // Forward 5 and their tangents 9; towards the inputs 3 (the first layer's cotangent only meets the constant X) and
    // their tangents 8; the weights' tangents 9.
    expect(count(hessian, "matmul")).toBe(34);
    expect(count(hessian, "concat")).toBe(1);
  });

  test("withOutputs keeps the wanted outputs and what they need", () => {
    const loss = traceMlpLoss({ layers: [5, 4, 3], replicas: 2, samples: 7 });
    const gradient = grad(loss, { wrt: [0] });
    const alone = withOutputs(gradient, [1]);
    expect(alone.outputNames).toEqual(["grad.theta"]);
    expect(count(alone, "log")).toBe(0);
    const inputs = mlpInputs({ layers: [5, 4, 3], replicas: 2, samples: 7 });
    expect(evaluate(alone, inputs)[0]).toEqual(evaluate(gradient, inputs)[1]);
    expect(() => withOutputs(gradient, [2])).toThrow("no output 2");
  });
});

describe("withFloat", () => {
  test("retypes every value, constants and casts too, and keeps bytes", () => {
    const program = trace(
      (x) => {
        const table = ops.constant({ dtype: "f32", shape: [2], data: Float32Array.of(0.1, 0.2) });
        return [ops.mul(ops.add(ops.cast(x!, "f32"), table), ops.full([2], 3))];
      },
      [{ name: "x", aval: { dtype: "u8", shape: [2] } }],
      ["y"],
    );
    const double = withFloat(program, "f64");
    expect(double.inputs[0]!.dtype).toBe("u8");
    expect(new Set(double.equations.map(({ output }) => output.dtype))).toEqual(new Set(["f64"]));
    for (const { primitive, params, inputs, output } of double.equations)
      expect(primitive.aval(inputs, params)).toEqual({ dtype: output.dtype, shape: output.shape });
    const bytes = { dtype: "u8", shape: [2], data: Uint8Array.of(5, 250) } as const;
    expect(evaluate(double, [bytes])).toEqual(evaluate(program, [bytes]));
  });
});
