import type { Conv2dParams, Pair } from "../params.ts";
import { broadcastShapes, formatAval, formatShape } from "../shapes.ts";
import type { Aval, Shape } from "../tensor.ts";

/**
 * The extents of one convolution. Images `[R, B, C, H, W·m]`, filters `[R, O, C, kh, kw]`, result `[R, B, O, H′, W′·m]`,
 * where `H′ = ⌊(H + top + bottom − kh) / stride⌋ + 1` and W′ likewise.
 */
export interface Conv2dForm extends Conv2dParams {
  readonly replicas: number;
  readonly blocks: number;
  readonly channels: number;
  readonly filters: number;
  readonly size: Pair;
  readonly kernel: Pair;
  readonly outputSize: Pair;
}

interface Operands {
  readonly name: string;
  readonly x: { readonly shape: Shape } | undefined;
  readonly w: { readonly shape: Shape } | undefined;
  readonly g: { readonly shape: Shape } | undefined;
}

/**
 * The form that two of the three operands make. The one that is left out is the result; `inputSize` or `kernelSize` in
 * the parameters say what the others cannot. Throws on shapes that do not fit.
 */
export function conv2dForm(
  { name, x, w, g }: Operands,
  params: Conv2dParams & { readonly inputSize?: Pair; readonly kernelSize?: Pair },
): Conv2dForm {
  const { strides, padding, interleave: m } = params;
  const shapes = [x, w, g].flatMap((operand) => (operand === undefined ? [] : [operand.shape]));
  const fail = (what: string): never => {
    const given = `${shapes.map(formatShape).join(" and ")} (strides ${strides.join(",")}, padding ${padding.join(",")}, interleave ${m})`;
    throw new Error(`${name}: ${what}: ${given}`);
  };
  if (shapes.some((shape) => shape.length !== 5)) fail("operands must have rank 5");
  if (padding.flat().some((count) => count < 0) || strides.some((stride) => stride < 1)) fail("bad padding or strides");
  const width = (shape: Shape): number => {
    if (shape[4]! % m !== 0) fail("the last axis must hold whole groups of interleaved images");
    return shape[4]! / m;
  };
  const size: Pair = x === undefined ? params.inputSize! : [x.shape[3]!, width(x.shape)];
  const kernel: Pair = w === undefined ? params.kernelSize! : [w.shape[3]!, w.shape[4]!];
  const along = (axis: 0 | 1): number =>
    Math.floor((size[axis] + padding[axis][0] + padding[axis][1] - kernel[axis]) / strides[axis]) + 1;
  const outputSize: Pair = [along(0), along(1)];
  if (outputSize.some((extent) => extent < 1)) fail("the filter is larger than the padded image");
  if (g !== undefined && (g.shape[3] !== outputSize[0] || width(g.shape) !== outputSize[1]))
    fail(`the cotangent's images must be ${outputSize.join("×")}`);
  const agree = (what: string, ...extents: (number | undefined)[]): number => {
    const known = extents.filter((extent) => extent !== undefined);
    if (known.some((extent) => extent !== known[0])) fail(`${what} differ`);
    return known[0]!;
  };
  const replicas = broadcastShapes(
    `${name}: replicas`,
    shapes.map((shape) => shape.slice(0, 1)),
  )[0]!;
  return {
    strides,
    padding,
    interleave: m,
    replicas,
    blocks: agree("blocks of images", x?.shape[1], g?.shape[1]),
    channels: agree("channels", x?.shape[2], w?.shape[2]),
    filters: agree("filters", w?.shape[1], g?.shape[2]),
    size,
    kernel,
    outputSize,
  };
}

export const imageShape = (form: Conv2dForm): Shape => {
  const { replicas, blocks, channels, size, interleave } = form;
  return [replicas, blocks, channels, size[0], size[1] * interleave];
};

export const filterShape = ({ replicas, filters, channels, kernel }: Conv2dForm): Shape => [
  replicas,
  filters,
  channels,
  ...kernel,
];

export const resultShape = (form: Conv2dForm): Shape => {
  const { replicas, blocks, filters, outputSize, interleave } = form;
  return [replicas, blocks, filters, outputSize[0], outputSize[1] * interleave];
};

/** The float type that both operands have. */
export function sharedFloat(name: string, a: Aval, b: Aval): "f32" | "f64" {
  if (a.dtype !== b.dtype || a.dtype === "u8")
    throw new Error(`${name}: ${formatAval(a)} and ${formatAval(b)} must share a float type`);
  return a.dtype;
}
