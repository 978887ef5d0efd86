import { grad } from "../../src/programs/grad.ts";
import { jvp } from "../../src/programs/jvp.ts";
import { type Linearized, linearize } from "../../src/programs/linearize.ts";
import {
  add,
  exp,
  log,
  matmul,
  max,
  mean,
  mul,
  relu,
  reshape,
  sliceAxis,
  stopGradient,
  sub,
  sum,
} from "../../src/programs/ops.ts";
import type { Program } from "../../src/programs/program.ts";
import { prune } from "../../src/programs/simplify.ts";
import type { DType, Tensor } from "../../src/programs/tensor.ts";
import { trace } from "../../src/programs/trace.ts";
import type { Variable } from "../../src/programs/variable.ts";
import { generator } from "./samples.ts";

/** A classifier as the runtimes' tests need one: R networks of dense layers on shared samples, θ `[R, P]`. */
export interface MlpSpec {
  readonly replicas: number;
  /** Features, hidden units …, classes. */
  readonly layers: readonly number[];
  readonly samples: number;
  /** Default none, as in the paper. */
  readonly biases?: boolean;
  readonly dtype?: DType;
}

/** The paper's: 28,480 parameters. */
export const PAPER_LAYERS = [784, 32, 32, 32, 32, 10] as const;

export function countParams({ layers, biases = false }: MlpSpec): number {
  return layers.slice(1).reduce((total, outs, i) => total + outs * (layers[i]! + (biases ? 1 : 0)), 0);
}

/** Inputs θ `[R, P]`, images `[1, features, N]`, one-hot labels `[1, classes, N]`; output: mean cross-entropy `[R]`. */
export function lossProgram(spec: MlpSpec): Program {
  const { replicas: R, layers, samples: N, biases = false, dtype = "f32" } = spec;
  const P = countParams(spec);
  return trace(
    (theta, images, labels) => {
      let at = 0;
      const take = (outs: number, ins: number): Variable => {
        const part = reshape(sliceAxis(theta, 1, at, at + outs * ins), [R, outs, ins]);
        at += outs * ins;
        return part;
      };
      let x = images;
      for (let i = 1; i < layers.length; i++) {
        const [ins, outs] = [layers[i - 1]!, layers[i]!];
        const product = matmul(take(outs, ins), x); // [R, outs, N]
        const z = biases ? add(product, take(outs, 1)) : product;
        x = i === layers.length - 1 ? z : relu(z);
      }
      const top = stopGradient(max(x, [1], { keep: true })); // [R, 1, N]
      const shifted = sub(x, top);
      const logNorm = log(sum(exp(shifted), [1], { keep: true }));
      const chosen = sum(mul(shifted, labels), [1], { keep: true });
      return [mean(sub(logNorm, chosen), [1, 2])]; // [R]
    },
    [
      { name: "theta", aval: { dtype, shape: [R, P] } },
      { name: "images", aval: { dtype, shape: [1, layers[0]!, N] } },
      { name: "labels", aval: { dtype, shape: [1, layers.at(-1)!, N] } },
    ],
    ["loss"],
  );
}

/** Outputs: loss `[R]`, gradient `[R, P]`. */
export const gradientProgram = (spec: MlpSpec): Program => grad(lossProgram(spec), { wrt: [0] });

/** Inputs: those of the loss and a tangent of θ. Output: Hv `[R, P]`. */
export function hvpProgram(spec: MlpSpec): Program {
  const all = jvp(gradientProgram(spec), { wrt: [0] });
  return prune({ ...all, outputs: all.outputs.slice(-1), outputNames: all.outputNames.slice(-1) });
}

export const linearizedProgram = (spec: MlpSpec): Linearized =>
  linearize(gradientProgram(spec), { wrt: [0], outputs: [1] });

/** Random parameters at He scale, images in 0…1, balanced labels, and tangents of norm about 1, alike for all R. */
export function mlpData(spec: MlpSpec): {
  readonly theta: Tensor;
  readonly images: Tensor;
  readonly labels: Tensor;
  readonly tangent: Tensor;
} {
  const { replicas, layers, samples, biases = false, dtype = "f32" } = spec;
  const P = countParams(spec);
  const array = (length: number): Float32Array | Float64Array =>
    dtype === "f64" ? new Float64Array(length) : new Float32Array(length);
  const theta = array(replicas * P);
  const tangent = array(replicas * P);
  for (let r = 0; r < replicas; r++) {
    const uniform = generator(r + 1);
    let at = r * P;
    for (let i = 1; i < layers.length; i++) {
      const [ins, outs] = [layers[i - 1]!, layers[i]!];
      // Rounded, so that float64 runs start from the same numbers.
      for (let k = 0; k < outs * (ins + (biases ? 1 : 0)); k++)
        theta[at++] = Math.fround((2 * uniform() - 1) * Math.sqrt(6 / ins));
    }
    for (let k = 0; k < P; k++) tangent[r * P + k] = Math.fround((2 * uniform() - 1) * Math.sqrt(3 / P));
  }
  const uniform = generator(0);
  const images = array(layers[0]! * samples).map(() => Math.fround(uniform()));
  const classes = layers.at(-1)!;
  const labels = array(classes * samples);
  for (let n = 0; n < samples; n++) labels[(n % classes) * samples + n] = 1;
  return {
    theta: { dtype, shape: [replicas, P], data: theta },
    images: { dtype, shape: [1, layers[0]!, samples], data: images },
    labels: { dtype, shape: [1, classes, samples], data: labels },
    tangent: { dtype, shape: [replicas, P], data: tangent },
  };
}
