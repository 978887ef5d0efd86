import { grad } from "../programs/grad.ts";
import { jvp } from "../programs/jvp.ts";
import { type Linearized, linearize } from "../programs/linearize.ts";
import { mul, sum } from "../programs/ops.ts";
import type { Program } from "../programs/program.ts";
import type { Tensor, TensorData } from "../programs/tensor.ts";
import { inline, inputsOf, trace } from "../programs/trace.ts";
import type { DeviceTensor, Executable, Runtime } from "../runtimes/runtime.ts";
import { type FloatArray, roundoffOf, toFloats } from "./float-array.ts";
import type { GhostBatch } from "./ghost-batches.ts";
import { countCorrect, crossEntropy } from "./layers/cross-entropy.ts";
import type { Network } from "./networks.ts";
import { type DeviceSamples, type Samples, uploadSamples } from "./samples.ts";

/** θ of R replicas, `[R, P]` row-major, on the host or on the device. */
export type Theta = FloatArray | DeviceTensor;

/** Per replica. */
export interface Evaluation {
  readonly loss: FloatArray;
  /** Fraction of samples whose label has the strictly greatest logit. */
  readonly accuracy: Float64Array;
}

export interface GradientEvaluation extends Evaluation {
  /** `[R, P]`. */
  readonly grad: FloatArray;
}

/** The objective around one θ: the primal pass is done and cached where the programs run. */
export interface LinearizedObjective extends GradientEvaluation {
  /**
   * Hessian-vector products, one for each replica: v `[R, P]` → Hv `[R, P]`. With one replica, v may hold a block of b
   * vectors `[b, P]` that share the primal pass.
   */
  hvp(v: FloatArray): Promise<FloatArray>;
  dispose(): void;
}

/**
 * L(θ) for R replicas at once, and what is derived from it: all that eigensolvers, landscapes and the like ask for.
 * Replicas do not influence one another: a replica's bits do not depend on R, on its place, or on threads.
 */
export interface CurvatureObjective {
  readonly runtime: Runtime;
  readonly network: Network;
  readonly float: "f32" | "f64";
  readonly numParams: number;
  /** Names of the sets of samples. */
  readonly splits: readonly string[];
  /** Of the training samples, where L is an average over such. */
  readonly ghostBatches?: readonly GhostBatch[];
  /** Loss and accuracy on the samples called `split`. Default `train`. */
  evaluate(theta: Theta, split?: string): Promise<Evaluation>;
  gradient(theta: Theta): Promise<GradientEvaluation>;
  linearize(theta: Theta): Promise<LinearizedObjective>;
  /** ∇θ(vᵀHv) with v `[R, P]` held fixed: the gradient of an eigenvalue, v its unit eigenvector (Hellmann–Feynman). */
  curvatureGradient(theta: Theta, v: FloatArray): Promise<FloatArray>;
  dispose(): Promise<void>;
}

/** Products with the Hessian of L at any θ `[P]`: all that eigensolvers and estimators of the spectrum ask for. */
export type HessianProducts = Pick<CurvatureObjective, "float" | "numParams"> & {
  linearize(theta: FloatArray): Promise<Pick<LinearizedObjective, "hvp" | "dispose">>;
};

/** The mean cross-entropy of a network on its training samples, all of them in one program. */
export interface Objective extends CurvatureObjective {
  /** Inputs θ `[R, P]`, x, y; outputs loss `[R]`, correct `[R]`: to build other programs from. */
  lossProgram(replicas: number): Program;
  /** `lossProgram`, followed by the gradient `[R, P]`. */
  gradientProgram(replicas: number): Program;
  readonly train: DeviceSamples;
}

export interface ObjectiveOptions {
  /** Default f64 on runtimes that compute in it, else f32. */
  readonly float?: "f32" | "f64";
}

/** Uploads the samples and prepares L. Programs are compiled when first needed, once for each number of replicas. */
export async function makeObjective(
  runtime: Runtime,
  network: Network,
  splits: { readonly train: Samples; readonly [split: string]: Samples },
  options: ObjectiveOptions = {},
): Promise<Objective> {
  const float = options.float ?? floatOf(runtime);
  const uploaded = new Map<string, DeviceSamples>();
  for (const [name, samples] of Object.entries(splits))
    uploaded.set(name, await uploadSamples(runtime, samples, network.classes, float));
  const samplesOf = (split: string): DeviceSamples => {
    const samples = uploaded.get(split);
    if (samples === undefined) throw new Error(`there is no split '${split}'`);
    return samples;
  };
  const train = samplesOf("train");
  const cached = memoize<Promise<Executable>>();
  const compiled = (key: string, build: () => Program): Promise<Executable> =>
    cached(key, () => runtime.compile(build()));
  const linearizations = memoize<Linearized>();
  const { numParams } = network;

  const lossProgram = (replicas: number, count = train.count): Program =>
    trace(
      (theta, x, y) => {
        const logits = network.forward(theta, x);
        return [crossEntropy(logits, y), countCorrect(logits, y)];
      },
      [
        { name: "theta", aval: { dtype: float, shape: [replicas, numParams] } },
        { name: "x", aval: { dtype: float, shape: [1, ...network.inputShape, count] } },
        { name: "y", aval: { dtype: float, shape: [1, network.classes, count] } },
      ],
      ["loss", "correct"],
    );
  const gradientProgram = (replicas: number): Program => grad(lossProgram(replicas), { wrt: [0] });
  const rows = (theta: Theta): { readonly replicas: number; readonly value: Tensor | DeviceTensor } => {
    if (!ArrayBuffer.isView(theta)) return { replicas: theta.shape[0]!, value: theta };
    const value = matrix(theta, numParams, float);
    return { replicas: value.shape[0]!, value };
  };
  const linearized = (replicas: number, tangents: number): Linearized =>
    linearizations(`${replicas}/${tangents}`, () =>
      linearize(gradientProgram(replicas), {
        wrt: [0],
        outputs: [2],
        ...(tangents === replicas ? {} : { tangents }),
      }),
    );

  return {
    runtime,
    network,
    float,
    numParams,
    splits: [...uploaded.keys()],
    train,
    lossProgram,
    gradientProgram,
    async evaluate(theta, split = "train") {
      const samples = samplesOf(split);
      const { replicas, value } = rows(theta);
      const run = await compiled(`evaluate/${split}/${replicas}`, () => lossProgram(replicas, samples.count));
      const [loss, correct] = await run.run([value, samples.x, samples.y]);
      return evaluation(loss!, correct!, samples.count);
    },
    async gradient(theta) {
      const { replicas, value } = rows(theta);
      const run = await compiled(`gradient/${replicas}`, () => gradientProgram(replicas));
      const [loss, correct, gradient] = await run.run([value, train.x, train.y]);
      return { ...evaluation(loss!, correct!, train.count), grad: floats(gradient!.data) };
    },
    async linearize(theta) {
      const { replicas, value } = rows(theta);
      const primal = await compiled(`primal/${replicas}`, () => linearized(replicas, replicas).primal);
      const inputs = [value, train.x, train.y] as const;
      const outputs = await primal.runOnDevice(inputs);
      const [loss, correct, gradient] = await Promise.all(outputs.slice(0, 3).map((output) => output.read()));
      for (const output of outputs.slice(0, 3)) output.dispose();
      // Residuals depend on θ alone, but another number of tangents may cut elsewhere: each keeps its own.
      const residuals = new Map([[replicas, outputs.slice(3)]]);
      return {
        ...evaluation(loss!, correct!, train.count),
        grad: floats(gradient!.data),
        async hvp(v) {
          const tangent = matrix(v, numParams, float);
          const block = tangent.shape[0]!;
          if (block !== replicas && replicas !== 1)
            throw new Error(`${replicas} replicas take ${replicas} vectors, were given ${block}`);
          const { tangent: program, tangentInputs } = linearized(replicas, block);
          let stored = residuals.get(block);
          if (stored === undefined) {
            const again = await compiled(`primal/${replicas}/${block}`, () => linearized(replicas, block).primal);
            const fresh = await again.runOnDevice(inputs);
            for (const output of fresh.slice(0, 3)) output.dispose();
            stored = fresh.slice(3);
            residuals.set(block, stored);
          }
          const run = await compiled(`tangent/${replicas}/${block}`, () => program);
          const [product] = await run.run([...tangentInputs.map((i) => inputs[i]!), ...stored, tangent]);
          return floats(product!.data);
        },
        dispose() {
          for (const stored of residuals.values()) for (const residual of stored) residual.dispose();
        },
      };
    },
    async curvatureGradient(theta, v) {
      const { replicas, value } = rows(theta);
      const run = await compiled(`curvature/${replicas}`, () => curvatureGradientProgram(gradientProgram(replicas)));
      const [, gradient] = await run.run([value, train.x, train.y, matrix(v, numParams, float)]);
      return floats(gradient!.data);
    },
    async dispose() {
      for (const samples of uploaded.values()) await samples.dispose();
      for (const executable of cached.values()) await (await executable).dispose();
    },
  };
}

/** Inputs: the gradient program's (θ, x, y), v `[R, P]`; outputs vᵀHv `[R]` and its gradient by θ. */
export function curvatureGradientProgram(gradient: Program): Program {
  const product = jvp(gradient, { wrt: [0] });
  const tangent = product.outputs.length - 1;
  const curvature = trace(
    (...inputs) => [sum(mul(inputs.at(-1)!, inline(product, inputs)[tangent]!), [1])],
    inputsOf(product),
    ["curvature"],
  );
  return grad(curvature, { wrt: [0] });
}

/** α = −D³L[v, v, ∇L] = −∇S·∇L, per replica: what one step of gradient flow does to S, up to sign (PROTOCOL B.4). */
export async function sharpeningRate(
  objective: Pick<CurvatureObjective, "numParams" | "gradient" | "curvatureGradient">,
  theta: Theta,
  v: FloatArray,
): Promise<Float64Array> {
  const { grad: gradient } = await objective.gradient(theta);
  const curvature = await objective.curvatureGradient(theta, v);
  const { numParams } = objective;
  return Float64Array.from({ length: gradient.length / numParams }, (_, r) => {
    let total = 0;
    for (let i = r * numParams; i < (r + 1) * numParams; i++) total += gradient[i]! * curvature[i]!;
    return -total;
  });
}

function evaluation(loss: Tensor, correct: Tensor, count: number): Evaluation {
  return { loss: floats(loss.data), accuracy: Float64Array.from(correct.data, (value) => value / count) };
}

/** `[rows, P]` of host values, converted where their type is another. */
export function matrix(values: FloatArray, columns: number, float: "f32" | "f64"): Tensor {
  const replicas = values.length / columns;
  if (!Number.isInteger(replicas) || replicas === 0)
    throw new Error(`${values.length} values are no rows of ${columns} parameters`);
  return { dtype: float, shape: [replicas, columns], data: toFloats(values, float) };
}

/** The widest type that a runtime computes in. */
export function floatOf({ unitRoundoff }: Runtime): "f32" | "f64" {
  return unitRoundoff <= roundoffOf("f64") ? "f64" : "f32";
}

/** The numbers of a float tensor. */
export function floats(data: TensorData): FloatArray {
  if (data instanceof Uint8Array) throw new Error("expected floats, got bytes");
  return data;
}

export function memoize<T>(): ((key: string, make: () => T) => T) & {
  values(): Iterable<T>;
  /** Forgets a value, and gives it back. */
  take(key: string): T | undefined;
} {
  const known = new Map<string, T>();
  const get = (key: string, make: () => T): T => {
    const value = known.get(key) ?? make();
    known.set(key, value);
    return value;
  };
  const take = (key: string): T | undefined => {
    const value = known.get(key);
    known.delete(key);
    return value;
  };
  return Object.assign(get, { values: () => known.values(), take });
}
