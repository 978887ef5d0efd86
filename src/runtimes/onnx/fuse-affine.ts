import type { OnnxBuilder, OnnxValue } from "../../programs/lowering.ts";
import type { Conv2dParams, Pair } from "../../programs/params.ts";
import { scalarLike } from "../../programs/primitives/arithmetic.ts";
import { conv2dForm } from "../../programs/primitives/conv2d-form.ts";
import {
  eachReplica,
  lowerConv2d,
  lowerConv2dInputGradient,
  takesEnding,
} from "../../programs/primitives/conv2d-onnx.ts";
import type { ConvEnding } from "../../programs/primitives/conv2d-onnx-layout.ts";
import { reshapeTo } from "../../programs/primitives/matmul.ts";
import type { Equation } from "../../programs/program.ts";
import { sameShape } from "../../programs/shapes.ts";
import { sizeOf } from "../../programs/tensor.ts";
import type { Variable } from "../../programs/variable.ts";
import type { Fusion, Uses } from "./fusion.ts";

/** Images smaller than this are left alone. */
const LARGE = 16384;

/** factor·channel·x, summed over terms. */
interface Term {
  readonly x: Variable;
  /** `[R or 1, 1, C, 1, 1]`. */
  readonly channel: Variable | undefined;
  readonly factor: number;
}

interface Form {
  readonly images: Term[];
  /** Of a channel's shape. */
  readonly offsets: Term[];
}

/**
 * Sums of images that are scaled by channel, and a number a channel: batch norm and its derivatives. Each term is one pass,
 * a 1×1 convolution of single channels that adds its bias, the sum so far, or takes `Relu` at the end; convolutions of whole
 * images add in the same way. One replica is a batch of images; of several, the same is done by Mul and Add, which round alike.
 */
export function createAffine(builder: OnnxBuilder, uses: Uses, value: (variable: Variable) => OnnxValue): Fusion {
  const { definition, once } = uses;

  return (equation) => {
    const { primitive, inputs, output } = equation;
    if (output.dtype !== "f32" || output.shape.length !== 5 || sizeOf(output.shape.slice(1)) < LARGE) return undefined;
    if (primitive.name === "relu") {
      const x = inputs[0]!;
      const form = once(x) ? formOf(x) : undefined;
      return form === undefined ? undefined : lowerForm(form, output, true);
    }
    if (primitive.name !== "add" && primitive.name !== "sub") return undefined;
    const form = formOf(output);
    return form === undefined ? undefined : lowerForm(form, output, false);
  };

  /** The form of a sum, where a form of its own is worth it. */
  function formOf(root: Variable): Form | undefined {
    const form: Form = { images: [], offsets: [] };
    collect(root, root, 1, form);
    const { images, offsets } = form;
    const scaled = images.filter(({ channel }) => channel !== undefined).length;
    const added = images.filter((term) => convolutionOf(term) !== undefined).length;
    if (images.length + Math.min(1, offsets.length) < 2 || scaled + added === 0) return undefined;
    return form;
  }

  function collect(root: Variable, x: Variable, factor: number, form: Form): void {
    if (isChannel(x, root)) {
      form.offsets.push({ x, channel: undefined, factor });
      return;
    }
    if (x === root || once(x)) {
      const sum = definition(x, "add") ?? definition(x, "sub");
      if (sum?.inputs.every((term) => sameShape(term.shape, root.shape) || isChannel(term, root))) {
        collect(root, sum.inputs[0]!, factor, form);
        collect(root, sum.inputs[1]!, sum.primitive.name === "add" ? factor : -factor, form);
        return;
      }
      const scaled = definition(x, "scale");
      if (scaled !== undefined && x !== root) {
        collect(root, scaled.inputs[0]!, factor * (scaled.params as { readonly factor: number }).factor, form);
        return;
      }
      const [a, b] = definition(x, "mul")?.inputs ?? [];
      if (a !== undefined && b !== undefined)
        for (const [full, channel] of [
          [a, b],
          [b, a],
        ] as const)
          if (sameShape(full.shape, root.shape) && isChannel(channel, root)) {
            form.images.push({ x: full, channel, factor });
            return;
          }
    }
    form.images.push({ x, channel: undefined, factor });
  }

  /** The convolution that a term is, if nothing else reads it. */
  function convolutionOf({ x, channel, factor }: Term): Equation | undefined {
    if (channel !== undefined || factor !== 1 || !once(x)) return undefined;
    for (const view of ["conv2d", "conv2dInputGradient"] as const) {
      const equation = definition(x, view);
      if (equation !== undefined && takesEnding(view, "f32", formOfConvolution(equation))) return equation;
    }
    return undefined;
  }

  function lowerForm({ images, offsets }: Form, output: Variable, relu: boolean): OnnxValue {
    const convolutions = images.filter((term) => convolutionOf(term) !== undefined);
    const plain = images.filter((term) => convolutionOf(term) === undefined);
    // What is not scaled first: the next one adds it in its own pass.
    const ordered = [
      ...plain.filter(({ channel }) => channel === undefined),
      ...plain.filter(({ channel }) => channel !== undefined),
    ];
    let offset = offsets.map(scaledChannel).reduce<OnnxValue | undefined>(addSmall, undefined);
    let total: OnnxValue | undefined;
    ordered.forEach((term, i) => {
      const last = relu && convolutions.length === 0 && i === ordered.length - 1;
      const takesOffset = term.channel !== undefined || i === ordered.length - 1;
      total = addTerm(term, total, takesOffset && convolutions.length === 0 ? offset : undefined, output, last);
      if (takesOffset && convolutions.length === 0) offset = undefined;
    });
    for (const term of convolutions) {
      total = addConvolution(convolutionOf(term)!, total, offset, output);
      offset = undefined;
    }
    return relu && (convolutions.length > 0 || ordered.at(-1)?.channel === undefined || output.shape[0] !== 1)
      ? builder.node("Relu", [total!], output)
      : total!;
  }

  /** total + factor·channel·x + offset. */
  function addTerm(
    term: Term,
    total: OnnxValue | undefined,
    offset: OnnxValue | undefined,
    output: Variable,
    relu: boolean,
  ): OnnxValue {
    const x = value(term.x);
    const plus = (sum: OnnxValue, addend: OnnxValue | undefined): OnnxValue =>
      addend === undefined ? sum : builder.node("Add", [sum, addend], output);
    if (term.channel === undefined) {
      if (total !== undefined && term.factor === -1) return plus(builder.node("Sub", [total, x], output), offset);
      const factor = builder.constant(scalarLike("f32", term.factor));
      return plus(plus(term.factor === 1 ? x : builder.node("Mul", [x, factor], output), total), offset);
    }
    const channel = scaledChannel({ x: term.channel, channel: undefined, factor: term.factor });
    if (output.shape[0] !== 1) return plus(plus(builder.node("Mul", [x, channel], output), total), offset);
    const [, blocks, channels, height, width] = output.shape as [number, number, number, number, number];
    const shape = [blocks, channels, height, width];
    const operands = [
      reshapeTo(builder, x, shape),
      reshapeTo(builder, channel, [channels, 1, 1, 1]),
      offset && reshapeTo(builder, offset, [channels]),
      total && reshapeTo(builder, total, shape),
    ];
    const attributes = { group: channels, kernel_shape: [1, 1] };
    const result =
      total === undefined && !relu
        ? builder.node(
            "Conv",
            offset === undefined ? operands.slice(0, 2) : operands.slice(0, 3),
            { dtype: "f32", shape },
            attributes,
          )
        : builder.node(
            "FusedConv",
            total === undefined ? operands.slice(0, offset === undefined ? 2 : 3) : operands,
            { dtype: "f32", shape },
            relu ? { ...attributes, activation: "Relu" } : attributes,
            "com.microsoft",
          );
    return reshapeTo(builder, result, output.shape);
  }

  function addConvolution(
    { primitive, inputs, params, output: own }: Equation,
    total: OnnxValue | undefined,
    offset: OnnxValue | undefined,
    output: Variable,
  ): OnnxValue {
    const form = formOfConvolution({ primitive, inputs, params, output: own });
    const replicas = output.shape[0]!;
    const part = (x: OnnxValue | undefined, r: number, shape: readonly number[]): OnnxValue | undefined => {
      if (x === undefined || x.aval.shape[0] === 1) return x && reshapeTo(builder, x, shape);
      const ends = [builder.int64([r]), builder.int64([r + 1]), builder.int64([0])];
      const slice = builder.node("Slice", [x, ...ends], { dtype: "f32", shape: [1, ...x.aval.shape.slice(1)] });
      return reshapeTo(builder, slice, shape);
    };
    let r = 0;
    const lower = primitive.name === "conv2d" ? lowerConv2d : lowerConv2dInputGradient;
    return eachReplica(
      builder,
      [value(inputs[0]!), value(inputs[1]!)],
      { dtype: "f32", shape: output.shape },
      (a, b) => {
        const ending: ConvEnding = {
          bias: part(offset, r, [output.shape[2]!]),
          addend: part(total, r, output.shape.slice(1)),
        };
        r = (r + 1) % replicas;
        return lower(builder, a, b, form, ending);
      },
    );
  }

  function scaledChannel({ x, factor }: Term): OnnxValue {
    const channel = value(x);
    return factor === 1
      ? channel
      : builder.node("Mul", [channel, builder.constant(scalarLike("f32", factor))], channel.aval);
  }

  function addSmall(total: OnnxValue | undefined, term: OnnxValue): OnnxValue {
    if (total === undefined) return term;
    const shape = term.aval.shape.map((extent, axis) => Math.max(extent, total.aval.shape[axis]!));
    return builder.node("Add", [total, term], { dtype: "f32", shape });
  }
}

/** Whether x has one number a channel of `images` `[R, B, C, H, W·m]`. */
function isChannel(x: Variable, images: Variable): boolean {
  const [replicas, , channels] = images.shape;
  const [r, b, c, h, w] = x.shape;
  return x.shape.length === 5 && (r === 1 || r === replicas) && b === 1 && c === channels && h === 1 && w === 1;
}

function formOfConvolution({ primitive, inputs, params }: Equation) {
  const [first, w] = inputs as [Variable, Variable];
  const forward = primitive.name === "conv2d";
  return conv2dForm(
    { name: primitive.name, x: forward ? first : undefined, w, g: forward ? undefined : first },
    params as Conv2dParams & { readonly inputSize?: Pair },
  );
}
