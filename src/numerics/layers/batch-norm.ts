import { add, addScalar, mean, mul, rsqrt, square, sub } from "../../programs/ops.ts";
import type { Variable } from "../../programs/variable.ts";
import { type ImageLayer, isImages, type Moments, perChannel } from "./image-layer.ts";

const EPSILON = 1e-5;

/**
 * Batch normalisation over the batch that a program gets (a ghost batch): γ·(x − mean)/√(variance + 1e-5) + β for each
 * channel of images, or each feature, biased variance (PROTOCOL A.0). Parameters γ `[C]`, then β `[C]`.
 *
 * As one linear function a·x + b for each channel, with a = γ/√(variance + 1e-5) and b = β − a·mean, and the variance as
 * E[x²] − mean²: then its derivatives are linear functions of the same kind, which is what makes them cheap.
 */
export function batchNorm(name: string, channels: number): ImageLayer {
  return {
    name,
    parameters: [
      { name: `${name}.gamma`, shape: [channels], initialisation: { kind: "constant", value: 1 } },
      { name: `${name}.beta`, shape: [channels], initialisation: { kind: "constant", value: 0 } },
    ],
    channels: [channels],
    outputShape(input) {
      if (input[0] !== channels) throw new Error(`${name} takes ${channels} channels, was given [${input.join(",")}]`);
      return input;
    },
    apply(x, [gamma, beta], pass) {
      const moments = pass.moments(channels, () => momentsOf(x));
      const factor = mul(gamma!, rsqrt(addScalar(moments.variance, EPSILON)));
      const offset = sub(beta!, mul(factor, moments.mean));
      return add(mul(x, perChannel(factor, x)), perChannel(offset, x));
    },
  };
}

/** Mean and biased variance of each channel, `[R, C]`. */
function momentsOf(x: Variable): Moments {
  const average = mean(x, axesOf(x));
  return { mean: average, variance: sub(mean(square(x), axesOf(x)), square(average)) };
}

/** All but replicas and channels. */
const axesOf = (x: Variable): readonly number[] => (isImages(x) ? [1, 3, 4] : [2]);
