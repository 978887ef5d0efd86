import { apply } from "../../src/programs/emit.ts";
import { evaluate } from "../../src/programs/evaluate.ts";
import { grad } from "../../src/programs/grad.ts";
import { jvp } from "../../src/programs/jvp.ts";
import { mul, sum } from "../../src/programs/ops.ts";
import type { PrimitiveSample } from "../../src/programs/primitive.ts";
import type { Equation, Program } from "../../src/programs/program.ts";
import { type Aval, type Shape, sizeOf, type Tensor } from "../../src/programs/tensor.ts";
import { inline, inputsOf, type ProgramInput, trace } from "../../src/programs/trace.ts";

type AnyPrimitive = Equation["primitive"];

/** `y = primitive(x0, x1, …)`. */
export function valueProgram(primitive: AnyPrimitive, sample: PrimitiveSample<unknown>): Program {
  const inputs = sample.inputs.map((aval, i) => ({ name: `x${i}`, aval }));
  return trace((...xs) => [apply(primitive, xs, sample.params)], inputs, ["y"]);
}

/**
 * Everything that the rules derive from a sample, in one program: the tangent of the value, and the value, gradient,
 * tangent and tangent of the gradient of ⟨g, y⟩. `undefined` where nothing can be differentiated by.
 */
export function derivativesProgram(value: Program): Program | undefined {
  const wrt = value.inputs.flatMap((input, i) => (input.dtype === "u8" ? [] : [i]));
  const y = value.outputs[0]!;
  if (wrt.length === 0 || y.dtype === "u8") return undefined;
  const inputs = inputsOf(value);
  const weight: ProgramInput = { name: "g", aval: { dtype: y.dtype, shape: y.shape } };
  const weighted = trace(
    (...all) => {
      const [image] = inline(value, all.slice(0, -1));
      return [sum(mul(image!, all.at(-1)!), axesOf(y.shape))];
    },
    [...inputs, weight],
    ["weighted"],
  );
  const forward = jvp(value, { wrt });
  const second = jvp(grad(weighted, { wrt }), { wrt });
  const tangents = inputsOf(forward).slice(inputs.length);
  return trace(
    (...all) => {
      const xs = all.slice(0, inputs.length);
      const [g, ts] = [all[inputs.length]!, all.slice(inputs.length + 1)];
      return [...inline(forward, [...xs, ...ts]), ...inline(second, [...xs, g, ...ts])];
    },
    [...inputs, weight, ...tangents],
    [...forward.outputNames, ...second.outputNames],
  );
}

const axesOf = (shape: Shape): number[] => shape.map((_, axis) => axis);

/** A reproducible tensor with elements from an interval, exact in the dtype. */
export function randomTensor({ dtype, shape }: Aval, seed: number, [low, high]: readonly [number, number]): Tensor {
  const uniform = generator(seed);
  const numbers = Array.from({ length: sizeOf(shape) }, () => low + (high - low) * uniform());
  if (dtype === "u8") return { dtype, shape, data: Uint8Array.from(numbers, Math.round) };
  return { dtype, shape, data: dtype === "f64" ? Float64Array.from(numbers) : Float32Array.from(numbers) };
}

/** Inputs of a sample's programs: its own from its range, cotangents and tangents from −1…1. */
export function sampleInputs(program: Program, numOwn: number, range: readonly [number, number]): Tensor[] {
  return program.inputs.map((input, i) => randomTensor(input, i + 1, i < numOwn ? range : [-1, 1]));
}

/** Uniform numbers in [0, 1): a Weyl sequence through a 32-bit finaliser (murmur3's). */
export function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x9e3779b9) >>> 0;
    let bits = state;
    bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
    bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
    return ((bits ^ (bits >>> 16)) >>> 0) / 2 ** 32;
  };
}

export interface Expected {
  readonly outputs: readonly Tensor[];
  /**
   * First-order bound of the rounding errors in any element, in units of the roundoff: each operation adds an error of at
   * most its number of accumulated terms times the largest magnitude that occurs.
   */
  readonly errorBound: number;
}

/** The float64 evaluation, with what tolerances are made of. */
export function expected(program: Program, inputs: readonly Tensor[]): Expected {
  const values = program.equations.map(({ output }) => output);
  const all = evaluate({ ...program, outputs: [...program.outputs, ...values] }, inputs);
  const magnitude = Math.max(1, ...[...all, ...inputs].map(({ data }) => largest(data)));
  const terms = program.equations.reduce((total, equation) => total + termsOf(equation), 0);
  return { outputs: all.slice(0, program.outputs.length), errorBound: (terms + 1) * magnitude };
}

/** How many roundings meet in one element. */
function termsOf({ primitive, inputs, output, params }: Equation): number {
  const sizes = inputs.map((input) => sizeOf(input.shape));
  switch (primitive.name) {
    case "matmul": {
      const { transposeA } = params as { readonly transposeA: boolean };
      return inputs[0]!.shape.at(transposeA ? -2 : -1)!;
    }
    case "sum":
      return sizes[0]! / sizeOf(output.shape);
    case "conv2d":
    case "conv2dInputGradient":
      return sizes[1]!;
    case "conv2dFilterGradient":
      return sizes[1]!;
    // The WebGPU specification allows these several units in the last place (WGSL, "Accuracy of built-in functions").
    case "exp":
    case "log":
    case "tanh":
    case "sqrt":
    case "rsqrt":
    case "reciprocal":
    case "div":
      return 16;
    default:
      return 1;
  }
}

export function largest(data: ArrayLike<number>): number {
  let result = 0;
  for (let i = 0; i < data.length; i++) result = Math.max(result, Math.abs(data[i]!));
  return result;
}

/** ‖a − b‖ / √n, the root mean square of the differences. */
export function distance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let total = a.length === b.length ? 0 : Number.POSITIVE_INFINITY;
  for (let i = 0; i < a.length; i++) total += (a[i]! - b[i]!) ** 2;
  return Math.sqrt(total / Math.max(1, a.length));
}
