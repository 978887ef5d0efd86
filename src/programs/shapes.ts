import { type Aval, type Shape, sizeOf } from "./tensor.ts";

/** `[2,3]`, as messages and printed programs show a shape. */
export function formatShape(shape: Shape): string {
  return `[${shape.join(",")}]`;
}

/** `f32[2,3]`. */
export function formatAval(aval: Aval): string {
  return `${aval.dtype}${formatShape(aval.shape)}`;
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((extent, axis) => extent === b[axis]);
}

/** The shape of equal-rank operands where an axis of length 1 broadcasts. Throws with the operands' shapes otherwise. */
export function broadcastShapes(what: string, shapes: readonly Shape[]): Shape {
  const rank = shapes[0]?.length ?? 0;
  if (shapes.some((shape) => shape.length !== rank))
    throw new Error(`${what}: operands ${shapes.map(formatShape).join(", ")} must have equal rank; reshape them first`);
  const result: number[] = [];
  for (let axis = 0; axis < rank; axis++) {
    let extent = 1;
    for (const shape of shapes) {
      const own = shape[axis]!;
      if (own === 1 || own === extent) continue;
      if (extent !== 1)
        throw new Error(
          `${what}: shapes ${shapes.map(formatShape).join(", ")} do not broadcast (axis ${axis}: ${extent} against ${own})`,
        );
      extent = own;
    }
    result.push(extent);
  }
  return result;
}

/** The axes along which `from` must be repeated to become `to`. */
export function broadcastAxes(from: Shape, to: Shape): number[] {
  return to.flatMap((extent, axis) => (extent !== 1 && from[axis] === 1 ? [axis] : []));
}

/** Distinct axes in ascending order; negative ones count from the end. */
export function normalizeAxes(what: string, axes: readonly number[], rank: number): number[] {
  const result = axes.map((axis) => normalizeAxis(what, axis, rank)).sort((a, b) => a - b);
  if (new Set(result).size !== result.length) throw new Error(`${what}: axes [${axes.join(",")}] repeat an axis`);
  return result;
}

export function normalizeAxis(what: string, axis: number, rank: number): number {
  const result = axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(axis) || result < 0 || result >= rank)
    throw new Error(`${what}: no axis ${axis} in a tensor of rank ${rank}`);
  return result;
}

/** `shape` with 1 on `axes`. */
export function keptShape(shape: Shape, axes: readonly number[]): number[] {
  return shape.map((extent, axis) => (axes.includes(axis) ? 1 : extent));
}

/** `shape` without `axes`. */
export function droppedShape(shape: Shape, axes: readonly number[]): number[] {
  return shape.filter((_, axis) => !axes.includes(axis));
}

/** Row-major strides in elements. */
export function rowMajorStrides(shape: Shape): number[] {
  const strides = new Array<number>(shape.length);
  let stride = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis] = stride;
    stride *= shape[axis]!;
  }
  return strides;
}

/** Strides of `shape` seen as an operand of a broadcast: 0 where an axis of length 1 repeats. */
export function broadcastStrides(shape: Shape): number[] {
  const strides = rowMajorStrides(shape);
  return strides.map((stride, axis) => (shape[axis] === 1 ? 0 : stride));
}

/**
 * Walks the elements of `shape` in row-major order and gives each one's offset `start + Σ index·strides`, the one
 * loop behind every evaluation that moves data.
 */
export function gatherOffsets(shape: Shape, strides: readonly number[], start = 0): Int32Array {
  const total = sizeOf(shape);
  const offsets = new Int32Array(total);
  if (total === 0) return offsets;
  // Built axis by axis from the innermost: each block repeats the one before, moved by the axis's stride.
  let filled = 1;
  offsets[0] = start;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const extent = shape[axis]!;
    const stride = strides[axis]!;
    for (let index = 1; index < extent; index++) {
      const shift = index * stride;
      const base = index * filled;
      for (let k = 0; k < filled; k++) offsets[base + k] = offsets[k]! + shift;
    }
    filled *= extent;
  }
  return offsets;
}
