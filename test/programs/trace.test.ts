import { describe, expect, test } from "vitest";
import { evaluate } from "../../src/programs/evaluate.ts";
import { grad } from "../../src/programs/grad.ts";
import { jvp } from "../../src/programs/jvp.ts";
import * as ops from "../../src/programs/ops.ts";
import type { Aval, DType, Shape } from "../../src/programs/tensor.ts";
import { inline, trace } from "../../src/programs/trace.ts";
import type { Variable } from "../../src/programs/variable.ts";
import { float64 } from "./support.ts";

const input = (name: string, shape: Shape, dtype: DType = "f32") => ({ name, aval: { dtype, shape } as Aval });

function attempt(shapes: readonly Shape[], fn: (...xs: Variable[]) => Variable, dtype: DType = "f32"): () => unknown {
  return () =>
    trace(
      (...xs) => [fn(...xs)],
      shapes.map((shape, i) => input(`x${i}`, shape, dtype)),
      ["y"],
    );
}

describe("trace", () => {
  test("records what a function does", () => {
    const program = trace((x, y) => [ops.add(x!, y!), x!], [input("x", [2]), input("y", [1])], ["sum", "same"]);
    expect(program.equations.map(({ primitive }) => primitive.name)).toEqual(["add"]);
    expect(program.outputs).toEqual([program.equations[0]!.output, program.inputs[0]]);
    expect(evaluate(program, [float64([2], [1, 2]), float64([1], [10])]).map(({ data }) => [...data])).toEqual([
      [11, 12],
      [1, 2],
    ]);
  });

  test("inlines a program in another", () => {
    const square = trace((x) => [ops.square(x!)], [input("x", [2])], ["y"]);
    const fourth = trace((x) => inline(square, inline(square, [x!])), [input("x", [2])], ["y"]);
    expect([...evaluate(fourth, [float64([2], [2, 3])])[0]!.data]).toEqual([16, 81]);
    expect(() => trace((x) => inline(square, [x!]), [input("x", [3])], ["y"])).toThrow(
      "input x is f32[2], was given f32[3]",
    );
    expect(() => trace((x) => inline(square, [x!, x!]), [input("x", [2])], ["y"])).toThrow("1 inputs (x) was given 2");
  });

  test("an operation outside of a trace, or on another trace's value, says so", () => {
    const { inputs } = trace((x) => [x!], [input("x", [2])], ["y"]);
    expect(() => ops.exp(inputs[0]!)).toThrow("no trace is open");
    expect(attempt([[2]], () => ops.exp(inputs[0]!))).toThrow("exp: an operand f32[2] belongs to another trace");
    expect(attempt([[2]], () => inputs[0]!)).toThrow("output y belongs to another trace");
    // A trace that threw is closed again.
    expect(() => ops.exp(inputs[0]!)).toThrow("no trace is open");
  });

  test("counts outputs", () => {
    expect(() => trace((x) => [x!], [input("x", [2])], ["y", "z"])).toThrow("1 outputs and 2 names (y, z)");
  });
});

describe("shape errors name the shapes", () => {
  const errors: readonly (readonly [string, () => unknown])[] = [
    [
      "add: shapes [2,3], [2,4] do not broadcast (axis 1: 3 against 4)",
      attempt(
        [
          [2, 3],
          [2, 4],
        ],
        (a, b) => ops.add(a!, b!),
      ),
    ],
    ["mul: operands [2,3], [3] must have equal rank", attempt([[2, 3], [3]], (a, b) => ops.mul(a!, b!))],
    ["exp: operands u8[2] must share a float type", attempt([[2]], (a) => ops.exp(a!), "u8")],
    [
      "matmul of f32[2,3] and f32[2,3]: inner extents 3 and 2 differ",
      attempt(
        [
          [2, 3],
          [2, 3],
        ],
        (a, b) => ops.matmul(a!, b!),
      ),
    ],
    [
      "matmul[transposeA] of f32[2,3] and f32[3,2]: inner extents 2 and 3 differ",
      attempt(
        [
          [2, 3],
          [3, 2],
        ],
        (a, b) => ops.matmul(a!, b!, { transposeA: true }),
      ),
    ],
    [
      "operands must have equal rank, at least 2",
      attempt(
        [
          [1, 2, 3],
          [3, 2],
        ],
        (a, b) => ops.matmul(a!, b!),
      ),
    ],
    ["reshape: [2,3] has 6 elements, [5] has 5", attempt([[2, 3]], (a) => ops.reshape(a!, [5]))],
    ["[0,0] is no permutation of the axes of [2,3]", attempt([[2, 3]], (a) => ops.transpose(a!, [0, 0]))],
    ["[2,3] does not broadcast to [2,4]", attempt([[2, 3]], (a) => ops.broadcast(a!, [2, 4]))],
    ["sum: no axis 2 in a tensor of rank 2", attempt([[2, 3]], (a) => ops.sum(a!, [2]))],
    ["max: axes [1,-1] repeat an axis", attempt([[2, 3]], (a) => ops.max(a!, [1, -1]))],
    [
      "limits [2,4], strides [1,1] do not fit [2,3]",
      attempt([[2, 3]], (a) => ops.slice(a!, { starts: [0, 0], limits: [2, 4] })),
    ],
    [
      "concat: f32[2,3], f32[3,3] do not join along axis 1",
      attempt(
        [
          [2, 3],
          [3, 3],
        ],
        (a, b) => ops.concat([a!, b!], 1),
      ),
    ],
    [
      "pad: low [-3], high [0], interior [0] do not fit [3]",
      attempt([[3]], (a) => ops.pad(a!, { low: [-3], high: [0] })),
    ],
    [
      "conv2d: channels differ",
      attempt(
        [
          [1, 1, 3, 4, 4],
          [1, 2, 2, 3, 3],
        ],
        (x, w) => ops.conv2d(x!, w!),
      ),
    ],
    [
      "conv2d: the filter is larger than the padded image",
      attempt(
        [
          [1, 1, 2, 2, 2],
          [1, 2, 2, 3, 3],
        ],
        (x, w) => ops.conv2d(x!, w!),
      ),
    ],
    [
      "conv2d: the last axis must hold whole groups",
      attempt(
        [
          [1, 1, 2, 4, 5],
          [1, 2, 2, 3, 3],
        ],
        (x, w) => ops.conv2d(x!, w!, { interleave: 2 }),
      ),
    ],
  ];
  for (const [message, run] of errors) test(message, () => expect(run).toThrow(message));

  test("transforms name what they were asked for", () => {
    const program = trace((x) => [ops.cast(x!, "f32")], [input("bytes", [2], "u8")], ["y"]);
    expect(() => grad(program, { wrt: [0] })).toThrow("grad: input bytes is u8[2]");
    expect(() => grad(program, { output: 1, wrt: [0] })).toThrow("grad: the program has no output 1");
    expect(() => jvp(program, { wrt: [3] })).toThrow("jvp: the program has no input 3");
  });

  test("several tangents do not survive a sum over the leading axis", () => {
    const program = trace((x) => [ops.sum(x!, [0], { keep: true })], [input("x", [1, 3])], ["y"]);
    expect(() => jvp(program, { wrt: [0], tangents: 4 })).toThrow("4 tangents on the leading axis do not survive");
  });

  test("evaluate refuses inputs of another shape and tensors that are not full", () => {
    const program = trace((x) => [ops.exp(x!)], [input("x", [2])], ["y"]);
    expect(() => evaluate(program, [float64([3], [1, 2, 3])])).toThrow("input x is f32[2], was given [3]");
    expect(() => evaluate(program, [float64([2], [1])])).toThrow("1 elements do not fill a tensor of shape [2]");
    expect(() => evaluate(program, [])).toThrow("1 inputs (x) was given 0");
  });
});
