import { mean, reshape, select, sliceAxis, step, sub, transpose } from "../../programs/ops.ts";
import type { Variable } from "../../programs/variable.ts";
import { expectImages, type ImageLayer, imageExtents } from "./image-layer.ts";

/**
 * Maximum over windows of 2×2 with stride 2. Among equals the first in row-major order gets the derivative (PROTOCOL B.1):
 * neighbours in a row first, then rows, the earlier one where neither is greater.
 */
export function maxPool(name: string): ImageLayer {
  return {
    name,
    parameters: [],
    outputShape(input) {
      const [channels, height, width] = expectImages(name, input);
      if (height % 2 !== 0 || width % 2 !== 0)
        throw new Error(`${name} halves images, and they are ${height}×${width}`);
      return [channels, height / 2, width / 2];
    },
    apply(x, _, pass) {
      const { replicas, blocks, channels, height, width, interleave } = imageExtents(x, pass);
      const outer = blocks * channels;
      const columns = larger(reshape(x, [replicas, (outer * height * width) / 2, 2, interleave]));
      const rows = larger(reshape(columns, [replicas, (outer * height) / 2, 2, (width / 2) * interleave]));
      return reshape(rows, [replicas, blocks, channels, height / 2, (width / 2) * interleave]);
    },
  };
}

/** Of pairs `[R, K, 2, L]` the greater, the first of equals: `[R, K, 1, L]`. */
function larger(pairs: Variable): Variable {
  const [first, second] = [sliceAxis(pairs, 2, 0, 1), sliceAxis(pairs, 2, 1, 2)];
  return select(step(sub(second, first)), second, first);
}

/** Images `[C, H, W]` to features `[C]`: the mean of each channel. */
export function globalAveragePool(name: string): ImageLayer {
  return {
    name,
    parameters: [],
    outputShape: (input) => [expectImages(name, input)[0]],
    apply(x, _, pass) {
      const { replicas, blocks, channels, height, width, interleave } = imageExtents(x, pass);
      const means = mean(reshape(x, [replicas, blocks * channels, height * width, interleave]), [2]);
      return samplesLast(reshape(means, [replicas, blocks, channels, interleave]));
    },
  };
}

/** Images `[C, H, W]` to features `[C·H·W]`, row-major. */
export function flatten(name: string): ImageLayer {
  return {
    name,
    parameters: [],
    outputShape: (input) => [expectImages(name, input).reduce((product, extent) => product * extent, 1)],
    apply(x, _, pass) {
      const { replicas, blocks, channels, height, width, interleave } = imageExtents(x, pass);
      return samplesLast(reshape(x, [replicas, blocks, channels * height * width, interleave]));
    },
  };
}

/** `[R, B, F, m]` to `[R, F, B·m]`. */
function samplesLast(x: Variable): Variable {
  const [replicas, blocks, features, interleave] = x.shape as [number, number, number, number];
  return reshape(transpose(x, [0, 2, 1, 3]), [replicas, features, blocks * interleave]);
}
