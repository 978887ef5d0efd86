import { type Shape, sizeOf } from "../tensor.ts";
import { type Conv2dForm, filterShape, imageShape, resultShape } from "./conv2d-form.ts";

/** `visit(x, w, y, count)`: y[y…y+count) meets x[x…x+count) through the one weight w, as offsets into the arrays. */
type Visit = (x: number, w: number, y: number, count: number) => void;

/**
 * The one loop nest of the trilinear form Σ g·x·w, for all three of its views: the largest contiguous runs of an output
 * row that meet one weight. `given` are the operands' own shapes, whose replica axis may have length 1.
 */
export function visitConv2d(
  form: Conv2dForm,
  given: { readonly x?: Shape | undefined; readonly w?: Shape | undefined; readonly y?: Shape | undefined },
  visit: Visit,
): void {
  const { replicas, blocks, channels, filters, size, kernel, outputSize, strides, padding, interleave: m } = form;
  const [height, width] = size;
  const [rows, columns] = outputSize;
  const replicaStride = (own: Shape | undefined, full: Shape): number => (own?.[0] === 1 ? 0 : sizeOf(full.slice(1)));
  const [strideX, strideW, strideY] = [
    replicaStride(given.x, imageShape(form)),
    replicaStride(given.w, filterShape(form)),
    replicaStride(given.y, resultShape(form)),
  ];
  for (let r = 0; r < replicas; r++)
    for (let b = 0; b < blocks; b++)
      for (let o = 0; o < filters; o++)
        for (let c = 0; c < channels; c++)
          for (let u = 0; u < kernel[0]; u++)
            for (let v = 0; v < kernel[1]; v++) {
              const w = r * strideW + ((o * channels + c) * kernel[0] + u) * kernel[1] + v;
              const shift = v - padding[1][0];
              // Output columns whose input column shift + j·stride exists.
              const first = Math.max(0, Math.ceil(-shift / strides[1]));
              const last = Math.min(columns - 1, Math.floor((width - 1 - shift) / strides[1]));
              if (last < first) continue;
              for (let i = 0; i < rows; i++) {
                const h = i * strides[0] + u - padding[0][0];
                if (h < 0 || h >= height) continue;
                const x = r * strideX + ((b * channels + c) * height + h) * width * m;
                const y = r * strideY + ((b * filters + o) * rows + i) * columns * m;
                if (strides[1] === 1) visit(x + (first + shift) * m, w, y + first * m, (last - first + 1) * m);
                else for (let j = first; j <= last; j++) visit(x + (shift + j * strides[1]) * m, w, y + j * m, m);
              }
            }
}
