import { describe, expect, test } from "vitest";
import { apply } from "../../src/programs/emit.ts";
import { evaluate } from "../../src/programs/evaluate.ts";
import { grad } from "../../src/programs/grad.ts";
import { jvp } from "../../src/programs/jvp.ts";
import { mul, sum } from "../../src/programs/ops.ts";
import type { PrimitiveSample } from "../../src/programs/primitive.ts";
import { primitives } from "../../src/programs/primitives/index.ts";
import type { Program } from "../../src/programs/program.ts";
import { simplify } from "../../src/programs/simplify.ts";
import type { Tensor } from "../../src/programs/tensor.ts";
import { inline, trace } from "../../src/programs/trace.ts";
import { createRandom, distance, dot, draw, float64, moved, norm } from "./support.ts";

// Central differences with step h have an error of h²·|f‴|/6 + ε·|f|/h: about 1e-10 with this h in float64. The functions
// of the samples have third derivatives below 100.
const STEP = 1e-5;
const DIFFERENCE_TOLERANCE = 1e-7;
// Sums of at most a few hundred products in float64.
const EXACT_TOLERANCE = 1e-12;

type AnyPrimitive = (typeof primitives)[number];

/** The sample as a program, and the scalar ⟨u, f(x)⟩ of it, u being its last input. */
function programsOf(primitive: AnyPrimitive, sample: PrimitiveSample<unknown>) {
  const inputs = sample.inputs.map((aval, i) => ({ name: `x${i}`, aval }));
  const program = trace((...xs) => [apply(primitive, xs, sample.params)], inputs, ["y"]);
  const [y] = program.outputs;
  const paired = trace(
    (...xs) => {
      const [value] = inline(program, xs.slice(0, -1));
      return [
        sum(
          mul(xs.at(-1)!, value!),
          value!.shape.map((_, axis) => axis),
        ),
      ];
    },
    [...inputs, { name: "u", aval: y! }],
    ["s"],
  );
  const wrt = sample.inputs.flatMap((aval, i) => (aval.dtype === "u8" ? [] : [i]));
  return { program, paired, wrt };
}

function along(inputs: readonly Tensor[], wrt: readonly number[], factor: number, directions: readonly Tensor[]) {
  return inputs.map((input, i) => {
    const at = wrt.indexOf(i);
    return at < 0 ? input : moved(input, factor, directions[at]!);
  });
}

function centralDifference(
  program: Program,
  inputs: readonly Tensor[],
  wrt: readonly number[],
  directions: readonly Tensor[],
) {
  const ahead = evaluate(program, along(inputs, wrt, STEP, directions));
  const behind = evaluate(program, along(inputs, wrt, -STEP, directions));
  return ahead.map((tensor, i) =>
    float64(
      tensor.shape,
      tensor.data.map((value, k) => (value - behind[i]!.data[k]!) / (2 * STEP)),
    ),
  );
}

const nonNegativeDot = (as: readonly Tensor[], bs: readonly Tensor[]): number =>
  as.reduce((total, a, i) => total + dot(a, bs[i]!), 0);

for (const primitive of primitives) {
  describe(primitive.name, () => {
    primitive.samples.forEach((sample: PrimitiveSample<unknown>, index: number) => {
      const label = `sample ${index}: ${sample.inputs.map((aval) => `[${aval.shape.join(",")}]`).join(" ")}`;
      const random = createRandom(1000 * index + primitive.name.length);
      const { program, paired, wrt } = programsOf(primitive, sample);
      const inputs = sample.inputs.map((aval) => draw(aval, random, sample.range));
      const directions = wrt.map((i) => draw(sample.inputs[i]!, random));
      const others = wrt.map((i) => draw(sample.inputs[i]!, random));
      const u = draw(program.outputs[0]!, random);
      // A primitive that hides its derivative disagrees with differences by design.
      const hidden = primitive.name === "stopGradient";

      test(`${label}: evaluation has the shape of the shape rule and survives simplify`, () => {
        const [y] = evaluate(program, inputs);
        expect(y!.shape).toEqual(program.outputs[0]!.shape);
        expect(y!.data.every(Number.isFinite)).toBe(true);
        expect(distance(evaluate(simplify(program), inputs)[0]!, y!)).toBeLessThan(EXACT_TOLERANCE);
      });

      test(`${label}: jvp is the directional derivative`, () => {
        const [, tangent] = evaluate(jvp(program, { wrt }), [...inputs, ...directions]);
        if (hidden) {
          expect(norm(tangent!)).toBe(0);
          return;
        }
        const [difference] = centralDifference(program, inputs, wrt, directions);
        expect(distance(tangent!, difference!)).toBeLessThan(DIFFERENCE_TOLERANCE);
      });

      test(`${label}: vjp is the transpose of jvp`, () => {
        const [, tangent] = evaluate(jvp(program, { wrt }), [...inputs, ...directions]);
        const [, ...gradients] = evaluate(grad(paired, { wrt }), [...inputs, u]);
        gradients.forEach((gradient, i) => {
          expect(gradient.shape).toEqual(sample.inputs[wrt[i]!]!.shape);
        });
        expect(Math.abs(dot(u, tangent!) - nonNegativeDot(gradients, directions))).toBeLessThan(
          EXACT_TOLERANCE * (1 + norm(u) * norm(tangent!)),
        );
      });

      test(`${label}: the second derivative is symmetric and the derivative of the first`, () => {
        const gradient = grad(paired, { wrt });
        const hessian = jvp(gradient, { wrt });
        const products = (vs: readonly Tensor[]): Tensor[] =>
          evaluate(hessian, [...inputs, u, ...vs]).slice(-wrt.length || Number.POSITIVE_INFINITY);
        const [hv, hw] = [products(directions), products(others)];
        const scale = 1 + hv.reduce((total, tensor) => total + norm(tensor), 0);
        expect(Math.abs(nonNegativeDot(others, hv) - nonNegativeDot(directions, hw))).toBeLessThan(
          EXACT_TOLERANCE * scale * (1 + others.reduce((total, tensor) => total + norm(tensor), 0)),
        );
        if (hidden) return;
        const differences = centralDifference(gradient, [...inputs, u], wrt, directions).slice(1);
        hv.forEach((tensor, i) => {
          expect(distance(tensor, differences[i]!)).toBeLessThan(DIFFERENCE_TOLERANCE);
        });
      });

      test(`${label}: parameters are JSON, or can be retyped`, () => {
        if (primitive.retype === undefined) expect(JSON.parse(JSON.stringify(sample.params))).toEqual(sample.params);
        else expect(primitive.aval(sample.inputs, primitive.retype(sample.params, "f64")).dtype).toBe("f64");
      });

      if (wrt.length === 0) return;

      test(`${label}: several tangents at once are those tangents`, () => {
        const count = 3;
        if (wrt.some((i) => sample.inputs[i]!.shape[0] !== 1)) {
          expect(() => jvp(program, { wrt, tangents: count })).toThrow(/leading axis/);
          return;
        }
        const many = traceOrRefusal(() => jvp(program, { wrt, tangents: count }));
        if (many === undefined) return;
        const stacks = wrt.map((i) => {
          const { shape, dtype } = sample.inputs[i]!;
          return draw({ dtype, shape: [count, ...shape.slice(1)] }, random);
        });
        const [, together] = evaluate(many, [...inputs, ...stacks]);
        const single = jvp(program, { wrt });
        for (let k = 0; k < count; k++) {
          const slices = stacks.map((stack) => part(stack, k, count));
          const [, alone] = evaluate(single, [...inputs, ...slices]);
          expect(distance(part(together!, k, count), alone!)).toBeLessThan(EXACT_TOLERANCE);
        }
      });
    });
  });
}

/** The program, or nothing where the primitive says that it moves the leading axis. */
function traceOrRefusal(make: () => Program): Program | undefined {
  try {
    return make();
  } catch (error) {
    expect(String(error)).toMatch(/leading axis/);
    return undefined;
  }
}

function part(stack: Tensor, k: number, count: number): Tensor {
  const size = stack.data.length / count;
  return float64([1, ...stack.shape.slice(1)], stack.data.slice(k * size, (k + 1) * size));
}
