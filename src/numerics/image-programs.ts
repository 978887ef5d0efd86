import { grad } from "../programs/grad.ts";
import { jvp } from "../programs/jvp.ts";
import { type Linearized, linearize } from "../programs/linearize.ts";
import { stopGradient } from "../programs/ops.ts";
import type { Program } from "../programs/program.ts";
import { withOutputs } from "../programs/simplify.ts";
import { sizeOf } from "../programs/tensor.ts";
import { type ProgramInput, trace } from "../programs/trace.ts";
import type { ImageNetwork } from "./image-networks.ts";
import { countCorrect, crossEntropy } from "./layers/cross-entropy.ts";
import { curvatureGradientProgram, memoize } from "./objective.ts";

/** What decides a batch's programs: how many images, and m of their layout. */
export interface BatchForm {
  readonly count: number;
  readonly interleave: number;
}

/**
 * The programs of one batch, of one θ `[1, P]`: inputs θ, x `[1, B, C, H, W·m]`, one-hot y `[1, classes, N]`. Each is made
 * when it is first asked for.
 */
export interface ImagePrograms {
  /** loss `[1]`, correct `[1]`, statistics `[1, S]`: batch norms normalise by this batch. */
  loss(form: BatchForm): Program;
  /** `loss`, followed by the gradient `[1, P]`. */
  gradient(form: BatchForm): Program;
  /** Primal: `gradient` and residuals. Tangent: the Hessian times v `[1, P]`. */
  linearized(form: BatchForm): Linearized;
  /** Bytes of the residuals of one batch and one θ: about in proportion to its images. */
  residualBytes(form: BatchForm): number;
  /** One input more, v `[1, P]`. The Hessian times v `[1, P]` from nothing: the tangent's bits, without residuals. */
  product(form: BatchForm): Program;
  /** One input more, v `[1, P]`. Outputs vᵀHv `[1]` and its gradient by θ. */
  curvature(form: BatchForm): Program;
  /** One input more, statistics `[1, S]`, by which batch norms normalise. Outputs loss, correct. */
  given(form: BatchForm): Program;
}

/** Outputs of `gradient` and of the primal before its residuals. */
export const GRADIENT_OUTPUTS = 4;

export interface ImageProgramOptions {
  /**
   * `batch`: batch norms normalise by the batch, which is what training descends. `given`: all programs take statistics
   * `[1, S]` as a fourth input, before any other, and normalise by them: the loss of evaluation mode.
   */
  readonly normalisation?: "batch" | "given";
}

export function imagePrograms(
  network: ImageNetwork,
  float: "f32" | "f64",
  { normalisation = "batch" }: ImageProgramOptions = {},
): ImagePrograms {
  const { numParams, classes, numStatistics } = network;
  const [channels, height, width] = network.inputShape as [number, number, number];
  const inputs = ({ count, interleave }: BatchForm): ProgramInput[] => [
    { name: "theta", aval: { dtype: float, shape: [1, numParams] } },
    { name: "x", aval: { dtype: float, shape: [1, count / interleave, channels, height, width * interleave] } },
    { name: "y", aval: { dtype: float, shape: [1, classes, count] } },
  ];
  const cached = <T>(make: (form: BatchForm) => T): ((form: BatchForm) => T) => {
    const known = memoize<T>();
    return (form) => known(`${form.count}/${form.interleave}`, () => make(form));
  };
  const withStatistics = (form: BatchForm): ProgramInput[] => [
    ...inputs(form),
    { name: "statistics", aval: { dtype: float, shape: [1, numStatistics] } },
  ];
  const loss = cached((form) =>
    trace(
      (theta, x, y, ...rest) => {
        const [given] = rest;
        const { logits, statistics } =
          given === undefined
            ? network.measure(theta, x)
            : { logits: network.forwardWith(theta, x, given), statistics: stopGradient(given) };
        return [crossEntropy(logits, y), countCorrect(logits, y), statistics];
      },
      normalisation === "batch" ? inputs(form) : withStatistics(form),
      ["loss", "correct", "usedStatistics"],
    ),
  );
  const gradient = cached((form) => grad(loss(form), { wrt: [0] }));
  const linearized = cached((form) => linearize(gradient(form), { wrt: [0], outputs: [GRADIENT_OUTPUTS - 1] }));
  return {
    loss,
    gradient,
    linearized,
    residualBytes: (form) =>
      linearized(form)
        .primal.outputs.slice(GRADIENT_OUTPUTS)
        .reduce((total, { shape }) => total + (float === "f32" ? 4 : 8) * sizeOf(shape), 0),
    product: cached((form) => withOutputs(jvp(gradient(form), { wrt: [0] }), [2 * GRADIENT_OUTPUTS - 1])),
    curvature: cached((form) => curvatureGradientProgram(gradient(form))),
    given: cached((form) =>
      trace(
        (theta, x, y, statistics) => {
          const logits = network.forwardWith(theta, x, statistics);
          return [crossEntropy(logits, y), countCorrect(logits, y)];
        },
        withStatistics(form),
        ["loss", "correct"],
      ),
    ),
  };
}
