import { describe, expect, it } from "vitest";
import { solveTally } from "../../stages/shared/solves.ts";

describe("a tally of eigensolves", () => {
  it("adds products, keeps the largest relative residual, and names what did not converge", () => {
    const solves = solveTally({ k: 2, tol: 1e-4 });
    expect(solves.summary()).toEqual({ k: 2, tol: 1e-4, count: 0, matvecs: 0, worst: null, unconverged: [] });
    solves.add({ status: "converged", values: [-10, -20], residuals: [1e-4, 5e-4], numMatvecs: 12 }, "epoch 0");
    solves.add({ status: "max-matvecs", values: [4, 2], residuals: [0.02, 0.04], numMatvecs: 500 }, "epoch 1");
    solves.add({ status: "not-finite", values: [], residuals: [], numMatvecs: 1 }, "epoch 2");
    const { count, matvecs, worst, unconverged } = solves.summary();
    expect({ count, matvecs }).toEqual({ count: 3, matvecs: 513 });
    expect(worst).toBeCloseTo(0.01, 12);
    expect(unconverged).toEqual([
      { at: "epoch 1", status: "max-matvecs", worst },
      { at: "epoch 2", status: "not-finite", worst: null },
    ]);
  });
});
