import { broadcastStrides, gatherOffsets, sameShape } from "../shapes.ts";
import { type Aval, type Shape, sizeOf, type Tensor } from "../tensor.ts";

/** Loops behind the primitives' float64 evaluations. */

export function float64(shape: Shape, data: Float64Array): Tensor {
  return { dtype: "f64", shape, data };
}

/** f over the elements of operands that broadcast to the output's shape. */
export function mapElements(inputs: readonly Tensor[], output: Aval, f: (...values: number[]) => number): Tensor {
  const total = sizeOf(output.shape);
  const result = new Float64Array(total);
  const operands = inputs.map((input) => expand(input, output.shape));
  const [a, b, c] = operands;
  if (a === undefined || operands.length > 3) throw new Error("mapElements takes one to three operands");
  if (b === undefined) for (let i = 0; i < total; i++) result[i] = f(a[i]!);
  else if (c === undefined) for (let i = 0; i < total; i++) result[i] = f(a[i]!, b[i]!);
  else for (let i = 0; i < total; i++) result[i] = f(a[i]!, b[i]!, c[i]!);
  return float64(output.shape, result);
}

/** The elements of a broadcast. */
export function expand(input: Tensor, shape: Shape): ArrayLike<number> {
  return sameShape(input.shape, shape) ? input.data : gather(input, shape, broadcastStrides(input.shape), 0);
}

/** Element i of the result is `input.data[start + Σ index·strides]`, for the indices of `shape` in row-major order. */
export function gather(input: Tensor, shape: Shape, strides: readonly number[], start: number): Float64Array {
  const offsets = gatherOffsets(shape, strides, start);
  const result = new Float64Array(offsets.length);
  for (let i = 0; i < offsets.length; i++) result[i] = input.data[offsets[i]!]!;
  return result;
}

/** c += a·b for row-major a `[m, k]`, b `[k, n]`, c `[m, n]`, at offsets into their arrays. */
export function multiplyInto(
  [c, cAt]: readonly [Float64Array, number],
  [a, aAt]: readonly [ArrayLike<number>, number],
  [b, bAt]: readonly [ArrayLike<number>, number],
  [m, k, n]: readonly [number, number, number],
): void {
  for (let i = 0; i < m; i++) {
    const target = cAt + i * n;
    const factors = aAt + i * k;
    let l = 0;
    // Four rows of b at a time: c is read and written a quarter as often, which is what takes the time.
    for (; l + 4 <= k; l += 4) {
      const [a0, a1, a2, a3] = [a[factors + l]!, a[factors + l + 1]!, a[factors + l + 2]!, a[factors + l + 3]!];
      const row0 = bAt + l * n;
      const [row1, row2, row3] = [row0 + n, row0 + 2 * n, row0 + 3 * n];
      for (let j = 0; j < n; j++)
        c[target + j]! += a0 * b[row0 + j]! + a1 * b[row1 + j]! + a2 * b[row2 + j]! + a3 * b[row3 + j]!;
    }
    for (; l < k; l++) {
      const factor = a[factors + l]!;
      const row = bAt + l * n;
      for (let j = 0; j < n; j++) c[target + j]! += factor * b[row + j]!;
    }
  }
}
