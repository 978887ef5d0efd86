import { fillValue } from "../emit.ts";
import { broadcast, select as selectOf, sumTo, zeros } from "../ops.ts";
import type { NoParams } from "../params.ts";
import type { Primitive, PrimitiveSample } from "../primitive.ts";
import { broadcastShapes } from "../shapes.ts";
import type { Shape } from "../tensor.ts";
import { elementwiseAval } from "./elementwise.ts";
import { mapElements } from "./kernels.ts";
import { ONNX_BOOL } from "./unary.ts";

export const select: Primitive<NoParams> = {
  name: "select",
  elementwise: true,
  cheap: true,
  aval: (inputs) => elementwiseAval("select", inputs, 3),
  jvp: ([, ta, tb], [mask, a, b], y) => {
    if (ta === undefined && tb === undefined) return undefined;
    const none = zeros(
      y.shape.map(() => 1),
      y.dtype,
    );
    const t = selectOf(mask!, ta ?? none, tb ?? none);
    // An operand without a tangent may be the one that gives the output its shape.
    return broadcast(t, broadcastShapes("select", [t.shape, a!.shape, b!.shape]));
  },
  vjp: (g, [mask, a, b], y, _, wanted) => {
    const none = zeros(
      y.shape.map(() => 1),
      y.dtype,
    );
    return [
      undefined,
      wanted[1] ? sumTo(selectOf(mask!, g, none), a!.shape) : undefined,
      wanted[2] ? sumTo(selectOf(mask!, none, g), b!.shape) : undefined,
    ];
  },
  evaluate: (inputs, _, output) => mapElements(inputs, output, (mask, a, b) => (mask !== 0 ? a : b)),
  onnx: (builder, [mask, a, b], _, output) => {
    // A condition: typed u8 here for want of a dtype, bool in the graph.
    const condition = builder.node("Cast", [mask], { dtype: "u8", shape: mask!.aval.shape }, { to: ONNX_BOOL });
    return builder.node("Where", [condition, a, b], output);
  },
  tensorflow: (tf, [mask, a, b]) => tf.where(tf.cast(mask!, "bool"), a!, b!),
  simplify: ([mask, a, b]) => {
    const shape = broadcastShapes("select", [mask!.shape, a!.shape, b!.shape]);
    const value = fillValue(mask!);
    if (value !== undefined) return broadcast(value !== 0 ? a! : b!, shape);
    return a === b || (fillValue(a!) === 0 && fillValue(b!) === 0) ? broadcast(a!, shape) : undefined;
  },
  samples: (
    [
      [
        [2, 3, 4],
        [2, 3, 4],
        [2, 3, 4],
      ],
      [
        [1, 3, 4],
        [2, 3, 4],
        [2, 1, 1],
      ],
      [
        [2, 1, 4],
        [1, 3, 1],
        [1, 1, 1],
      ],
    ] as const
  ).map(sampleOf),
};

function sampleOf(shapes: readonly Shape[]): PrimitiveSample<NoParams> {
  // The suites draw masks from the range as they draw everything: hardly ever 0, so mostly `a`. Masks made by `step`
  // are tested in `test/programs/grad.test.ts`.
  return { inputs: shapes.map((shape) => ({ dtype: "f32", shape })), params: {} };
}
