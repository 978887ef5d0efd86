import { add, conv2d } from "../../programs/ops.ts";
import { expectImages, type ImageLayer, perChannel } from "./image-layer.ts";
import { affineParameters } from "./layer.ts";

export interface ConvolutionOptions {
  /** Default 1. */
  readonly stride?: 1 | 2;
  /** Default true. */
  readonly bias?: boolean;
}

const KERNEL = 3;

/** 3×3 convolution, zero-padded by one: H and W stay, or halve (rounded up) with stride 2. Weight `[out, in, 3, 3]`. */
export function convolution(
  name: string,
  inputs: number,
  outputs: number,
  { stride = 1, bias = true }: ConvolutionOptions = {},
): ImageLayer {
  return {
    name,
    parameters: affineParameters(name, [outputs, inputs, KERNEL, KERNEL], bias),
    outputShape(input) {
      const [channels, height, width] = expectImages(name, input);
      if (channels !== inputs) throw new Error(`${name} takes ${inputs} channels, the layer before gives ${channels}`);
      return [outputs, Math.ceil(height / stride), Math.ceil(width / stride)];
    },
    apply(x, [w, b], { interleave }) {
      const padding = [
        [1, 1],
        [1, 1],
      ] as const;
      const y = conv2d(x, w!, { strides: [stride, stride], padding, interleave });
      return b === undefined ? y : add(y, perChannel(b, y));
    },
  };
}
