import { add, pad, reshape, slice } from "../../programs/ops.ts";
import type { Shape } from "../../programs/tensor.ts";
import type { Variable } from "../../programs/variable.ts";
import { type Activation, activation as activationLayer } from "./activation.ts";
import { batchNorm } from "./batch-norm.ts";
import { convolution } from "./convolution.ts";
import { expectImages, type ImageLayer, type ImagePass, imageExtents } from "./image-layer.ts";

/**
 * Where a block's last ReLU stands: `he`, after the addition (He et al. 2016, Figure 2), or on the branch alone,
 * `before-addition`, as in the first author's public code (PROTOCOL A.0).
 */
export type ResidualForm = "he" | "before-addition";

/** conv → BN → activation → conv → BN, plus a shortcut without parameters (option A of He et al. 2016, section 4.2). */
export function residualBlock(
  name: string,
  inputs: number,
  outputs: number,
  options: { readonly stride: 1 | 2; readonly form: ResidualForm; readonly activation: Activation },
): ImageLayer {
  const { stride, form } = options;
  if (outputs < inputs) throw new Error(`${name}: a shortcut without parameters cannot drop channels`);
  const layers = [
    convolution(`${name}.conv1`, inputs, outputs, { stride, bias: false }),
    batchNorm(`${name}.bn1`, outputs),
    convolution(`${name}.conv2`, outputs, outputs, { bias: false }),
    batchNorm(`${name}.bn2`, outputs),
  ] as const;
  const act = (x: Variable): Variable => activationLayer(name, options.activation).apply(x, []);
  return {
    name,
    parameters: layers.flatMap(({ parameters }) => parameters),
    channels: [outputs, outputs],
    outputShape: (input: Shape) => layers[0].outputShape(expectImages(name, input)),
    apply(x, [w1, gamma1, beta1, w2, gamma2, beta2], pass) {
      const inner = act(layers[1].apply(layers[0].apply(x, [w1!], pass), [gamma1!, beta1!], pass));
      const branch = layers[3].apply(layers[2].apply(inner, [w2!], pass), [gamma2!, beta2!], pass);
      const past = shortcut(x, outputs, stride, pass);
      return form === "he" ? act(add(branch, past)) : add(act(branch), past);
    },
  };
}

/** Every `stride`-th pixel, and channels of zeros behind those that there are. */
export function shortcut(x: Variable, outputs: number, stride: number, pass: ImagePass): Variable {
  const { replicas, blocks, channels, height, width, interleave } = imageExtents(x, pass);
  const [rows, columns] = [Math.ceil(height / stride), Math.ceil(width / stride)];
  const pixels = slice(reshape(x, [replicas, blocks * channels, height, width, interleave]), {
    starts: [0, 0, 0, 0, 0],
    limits: [replicas, blocks * channels, height, width, interleave],
    strides: [1, 1, stride, stride, 1],
  });
  const images = reshape(pixels, [replicas, blocks, channels, rows, columns * interleave]);
  return pad(images, { low: [0, 0, 0, 0, 0], high: [0, 0, outputs - channels, 0, 0] });
}
