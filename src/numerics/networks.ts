import { reshape, sliceAxis } from "../programs/ops.ts";
import { type Shape, sizeOf } from "../programs/tensor.ts";
import type { Variable } from "../programs/variable.ts";
import { type Activation, activation } from "./layers/activation.ts";
import { dense } from "./layers/dense.ts";
import type { Initialisation, Layer, ParameterTensor } from "./layers/layer.ts";
import { TRUNCATED_STD, truncatedNormal } from "./rng.ts";

/** Where one tensor of parameters lies in θ. */
export interface ParameterSlice extends ParameterTensor {
  readonly offset: number;
  readonly size: number;
}

/**
 * A network as its forward pass over flat parameters θ `[R, P]`. Layout of θ: layer by layer, each layer's tensors in
 * their order (dense: weight `[out, in]` row-major, then bias).
 */
export interface Network {
  readonly name: string;
  /** Of one sample, without the replica axis: `[features]`. */
  readonly inputShape: Shape;
  readonly classes: number;
  readonly numParams: number;
  readonly layout: readonly ParameterSlice[];
  /** Logits `[R, classes, N]` for θ `[R, P]` and x `[1 or R, features, N]`, inside a trace. */
  forward(theta: Variable, x: Variable): Variable;
}

/** A network of layers in sequence. Throws where one layer's output does not fit the next. */
export function sequential(name: string, inputShape: Shape, layers: readonly Layer[]): Network {
  const { layout, numParams } = layoutOf(layers);
  return {
    name,
    inputShape,
    classes: classesOf(name, inputShape, layers),
    numParams,
    layout,
    forward(theta, x) {
      const slices = splitParameters(name, theta, layout, numParams);
      let value = x;
      let next = 0;
      for (const layer of layers) {
        value = layer.apply(value, slices.slice(next, next + layer.parameters.length));
        next += layer.parameters.length;
      }
      return value;
    },
  };
}

/** How many numbers a sample ends in. Throws where one layer's output does not fit the next, or the last one has more axes. */
export function classesOf(name: string, inputShape: Shape, layers: readonly Pick<Layer, "outputShape">[]): number {
  const output = layers.reduce((shape, layer) => layer.outputShape(shape), inputShape);
  if (output.length !== 1) throw new Error(`${name} ends in [${output.join(",")}], expected one axis of classes`);
  return output[0]!;
}

/** Where the tensors of these layers lie in θ, one after another. */
export function layoutOf(layers: readonly Pick<Layer, "parameters">[]): {
  readonly layout: readonly ParameterSlice[];
  readonly numParams: number;
} {
  const layout: ParameterSlice[] = [];
  let offset = 0;
  for (const { parameters } of layers)
    for (const parameter of parameters) {
      const size = sizeOf(parameter.shape);
      layout.push({ ...parameter, offset, size });
      offset += size;
    }
  return { layout, numParams: offset };
}

/** θ `[R, P]` as its tensors `[R, …shape]`. */
export function splitParameters(
  name: string,
  theta: Variable,
  layout: readonly ParameterSlice[],
  numParams: number,
): Variable[] {
  if (theta.shape[1] !== numParams)
    throw new Error(`${name} has ${numParams} parameters, was given [${theta.shape.join(",")}]`);
  const replicas = theta.shape[0]!;
  return layout.map(({ shape, offset, size }) =>
    reshape(sliceAxis(theta, 1, offset, offset + size), [replicas, ...shape]),
  );
}

export interface MlpOptions {
  /** Default relu. */
  readonly activation?: Activation;
  /** Default false, as the paper counts (28,480 parameters for 784-32-32-32-32-10; 28,618 with biases). */
  readonly bias?: boolean;
}

/** A multi-layer perceptron, `widths` from input to classes. With no hidden layer it is softmax regression. */
export function mlp(widths: readonly number[], { activation: kind = "relu", bias = false }: MlpOptions = {}): Network {
  const [inputs, ...rest] = widths;
  if (inputs === undefined || rest.length === 0) throw new Error("an MLP needs at least an input and an output width");
  const layers = rest.flatMap((outputs, i) => {
    const layer = dense(`dense${i + 1}`, widths[i]!, outputs, { bias });
    return i === rest.length - 1 ? [layer] : [layer, activation(`${kind}${i + 1}`, kind)];
  });
  return sequential(`mlp-${widths.join("-")}`, [inputs], layers);
}

/**
 * Initial parameters `[P]` in double precision. Each tensor draws from a stream of its own, named after it, so that a
 * tensor's values depend on the seed and on that name alone.
 */
export function initialise(network: Network, seed: number): Float64Array {
  const theta = new Float64Array(network.numParams);
  for (const { name, offset, size, initialisation } of network.layout)
    theta.set(initialValues(initialisation, size, seed, name), offset);
  return theta;
}

function initialValues(how: Initialisation, size: number, seed: number, name: string): Float64Array {
  switch (how.kind) {
    case "lecun-normal": {
      const sigma = Math.sqrt(1 / how.fanIn) / TRUNCATED_STD;
      return truncatedNormal({ seed, name: `initialise/${name}` }, size).map((value) => sigma * value);
    }
    case "constant":
      return new Float64Array(size).fill(how.value);
    default:
      return how satisfies never;
  }
}
