/** The diagonal linear network of the paper's section 3: closed forms at the start, and one trajectory for each η. */
import { writeFileSync } from "node:fs";
import {
  alignment2,
  beta,
  eigenpairs,
  gammaBeta,
  hessian,
  progressiveSharpening,
  sharpnessGradient,
  thresholds,
} from "../src/numerics/dln.ts";
import { type DlnTrajectory, descend, summarise } from "../src/numerics/dln-trajectory.ts";
import { defineStage, type Json, StageError } from "../src/stage.ts";

export default defineStage({
  async run(context) {
    const { start, etas } = paramsOf(context.params);
    const trajectories = etas.map((eta) => tableOf(start, descend(start, eta)));
    for (const { eta, ending, rows } of trajectories)
      context.log(`η = ${eta}: ${ending} after ${rows.length - 1} steps`);
    const artifact = {
      stage: context.provenance.stage,
      potential: "Θ²",
      start,
      initial: {
        hessian: hessian(start),
        ...eigenpairs(start),
        beta: beta(start),
        alignment: alignment2(start),
        sharpnessGradient: sharpnessGradient(start),
        progressiveSharpening: progressiveSharpening(start),
      },
      thresholds: thresholds(start),
      trajectories,
    };
    writeFileSync(context.out("table"), `${JSON.stringify(artifact)}\n`);
  },
});

function tableOf(start: readonly number[], trajectory: DlnTrajectory) {
  const { eta, ending, states } = trajectory;
  return {
    eta,
    threshold: 2 / eta,
    gammaBeta: gammaBeta(start, eta),
    ending,
    ...summarise(trajectory),
    rows: states.map(({ step, theta, product, loss, sharpness, alignment, vector }) => ({
      step,
      theta1: theta[0],
      theta2: theta[1],
      product,
      loss,
      sharpness,
      // Where Θ is exactly 0, v₁ lies along θ₁ and R₂ is infinite, which JSON cannot say.
      alignment: Number.isFinite(alignment) ? alignment : null,
      u1: vector[0],
      u2: vector[1],
    })),
  };
}

function paramsOf(params: Json): { readonly start: readonly number[]; readonly etas: readonly number[] } {
  const { start, etas } = (params ?? {}) as { readonly start?: unknown; readonly etas?: unknown };
  const numbers = (value: unknown): value is readonly number[] =>
    Array.isArray(value) && value.every((x) => typeof x === "number" && Number.isFinite(x));
  if (!numbers(start) || start.length !== 2 || start.includes(0) || !numbers(etas) || etas.some((eta) => eta <= 0)) {
    throw new StageError(
      `the diagonal linear network's params are ${JSON.stringify(params)}`,
      "write for example start: [-0.1, 10] (two numbers other than 0) and etas: [0.001, 0.011]",
    );
  }
  return { start, etas };
}
