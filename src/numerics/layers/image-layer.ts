import { concat, reshape, sliceAxis, stopGradient } from "../../programs/ops.ts";
import type { Shape } from "../../programs/tensor.ts";
import type { Variable } from "../../programs/variable.ts";
import type { ParameterTensor } from "./layer.ts";

/**
 * A layer of an image network. Activations are images `[R or 1, B, C, H, W·m]`, B·m of them, m interleaved innermost, or
 * features `[R or 1, F, N]` as in dense layers. A `Layer` is one too.
 */
export interface ImageLayer {
  readonly name: string;
  readonly parameters: readonly ParameterTensor[];
  /** Channels of each of its batch norms, in the order they are applied. Default none. */
  readonly channels?: readonly number[];
  /** Of one sample: `[C, H, W]` or `[F]`. Throws where they do not fit. */
  outputShape(input: Shape): Shape;
  apply(x: Variable, parameters: readonly Variable[], pass: ImagePass): Variable;
}

/** What one forward pass knows beside the values. */
export interface ImagePass {
  /** m of the images' layout. */
  readonly interleave: number;
  /**
   * The statistics that a batch norm normalises by: `measured`, those of the batch, or those that were given. `[R, C]` each;
   * called once for each batch norm, in the layers' order.
   */
  moments(channels: number, measured: () => Moments): Moments;
}

export interface Moments {
  readonly mean: Variable;
  /** Biased: over N, not N − 1. */
  readonly variance: Variable;
}

/** Training: each batch norm normalises by its batch, differentiably, and what it measured is gathered. */
export function measuringPass(interleave: number): ImagePass & {
  /** `[R, 2·ΣC]`, constants of differentiation: means and variances, one batch norm after another. */
  statistics(): Variable;
} {
  const gathered: Variable[] = [];
  return {
    interleave,
    moments(_, measured) {
      const moments = measured();
      gathered.push(stopGradient(moments.mean), stopGradient(moments.variance));
      return moments;
    },
    statistics: () => concat(gathered, 1),
  };
}

/** Evaluation: batch norms normalise by `statistics` `[R, 2·ΣC]`, laid out as `measuringPass` gathers them. */
export function givenPass(interleave: number, statistics: Variable): ImagePass {
  let offset = 0;
  const next = (channels: number): Variable => {
    offset += channels;
    return sliceAxis(statistics, 1, offset - channels, offset);
  };
  return { interleave, moments: (channels) => ({ mean: next(channels), variance: next(channels) }) };
}

/** A value for each channel, `[R, C]`, as it broadcasts against images or features. */
export function perChannel(value: Variable, against: Variable): Variable {
  const [replicas, channels] = value.shape as [number, number];
  return reshape(value, isImages(against) ? [replicas, 1, channels, 1, 1] : [replicas, channels, 1]);
}

export const isImages = (x: Variable): boolean => x.shape.length === 5;

/** The extents of images in the blocked layout. */
export function imageExtents(x: Variable, { interleave }: ImagePass): ImageExtents {
  const [replicas, blocks, channels, height, width] = x.shape as [number, number, number, number, number];
  return { replicas, blocks, channels, height, width: width / interleave, interleave };
}

export interface ImageExtents {
  readonly replicas: number;
  readonly blocks: number;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  readonly interleave: number;
}

/** `[C, H, W]`, or an error that names the layer. */
export function expectImages(name: string, input: Shape): readonly [number, number, number] {
  if (input.length !== 3)
    throw new Error(`${name} takes images [C, H, W], the layer before gives [${input.join(",")}]`);
  return input as [number, number, number];
}
