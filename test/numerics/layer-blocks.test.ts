import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { dot } from "../../src/numerics/basis.ts";
import { blockOperator, layerBlocks, layerEigenpairs } from "../../src/numerics/layer-blocks.ts";
import { mlp } from "../../src/numerics/networks.ts";
import { makeObjective, type Objective } from "../../src/numerics/objective.ts";
import { standardNormal } from "../../src/numerics/rng.ts";
import { hessianEigenpairs } from "../../src/numerics/spectrum.ts";
import { symmetricEigen } from "../../src/numerics/tridiagonal.ts";
import { openReference } from "../../src/runtimes/reference.ts";
import { trigonometricSamples, trigonometricTheta } from "./cases.ts";
import { denseHessian, productWith } from "./dense.ts";

const network = mlp([8, 6, 6, 4], { activation: "relu", bias: true });
const theta = trigonometricTheta(network);
const blocks = layerBlocks(network);
let objective: Objective;
let hessian: number[][];
beforeAll(async () => {
  objective = await makeObjective(openReference(), network, { train: trigonometricSamples(20, 8, 4) });
  hessian = await denseHessian(objective, theta);
});
afterAll(() => objective.dispose());

/** The dense block of a layer. */
const blockOf = ({ slices }: (typeof blocks)[number]): number[][] => {
  const indices = slices.flatMap(({ offset, size }) => Array.from({ length: size }, (_, i) => offset + i));
  return indices.map((i) => indices.map((j) => hessian[i]![j]!));
};

describe("layers", () => {
  it("are tensors of one name, weights and biases together, and cover θ without overlap", () => {
    expect(blocks.map(({ name, numParams }) => [name, numParams])).toEqual([
      ["dense1", 54],
      ["dense2", 42],
      ["dense3", 28],
    ]);
    const covered = blocks
      .flatMap(({ slices }) => slices)
      .flatMap(({ offset, size }) => Array.from({ length: size }, (_, i) => offset + i));
    expect(covered.sort((a, b) => a - b)).toEqual(Array.from({ length: network.numParams }, (_, i) => i));
  });

  it("of dotted names are what stands before the last dot, in their order, wherever their tensors lie", () => {
    const layout = ["stage1.conv.weight", "head.weight", "stage1.conv.bias", "gain"].map((name, i) => ({
      name,
      shape: [2],
      offset: 2 * i,
      size: 2,
      initialisation: { kind: "constant", value: 0 } as const,
    }));
    expect(layerBlocks({ layout })).toEqual([
      {
        name: "stage1.conv",
        slices: [
          { offset: 0, size: 2 },
          { offset: 4, size: 2 },
        ],
        numParams: 4,
      },
      { name: "head", slices: [{ offset: 2, size: 2 }], numParams: 2 },
      { name: "gain", slices: [{ offset: 6, size: 2 }], numParams: 2 },
    ]);
  });
});

describe("a layer's diagonal block", () => {
  it("is symmetric, and the dense Hessian's", async () => {
    for (const [i, block] of blocks.entries()) {
      const apply = blockOperator(productWith(hessian), network.numParams, block);
      const [v, w] = ["v", "w"].map((name) => standardNormal({ seed: i, name }, block.numParams));
      const [hv, hw] = [await apply(v!), await apply(w!)];
      // Sums of at most 54 terms of size 1.
      expect(Math.abs(dot(w!, hv) - dot(v!, hw))).toBeLessThan(1e-12);
      const dense = await productWith(blockOf(block))(v!);
      hv.forEach((value, j) => {
        expect(Math.abs(value - dense[j]!)).toBeLessThan(1e-13);
      });
    }
  });

  it("has the dense block's largest eigenvalues, which the whole Hessian's interlace", async () => {
    const found = await layerEigenpairs(objective, theta, 2, { tol: 1e-10 });
    const { values: whole } = symmetricEigen(hessian);
    found.forEach(({ layer, values, status }, i) => {
      expect(layer).toBe(blocks[i]!.name);
      expect(status).toBe("converged");
      const { values: dense } = symmetricEigen(blockOf(blocks[i]!));
      values.forEach((value, j) => {
        expect(Math.abs(value - dense[j]!)).toBeLessThan(1e-9);
        expect(value).toBeLessThanOrEqual(whole[j]! + 1e-9);
      });
    });
    const whole2 = await hessianEigenpairs(objective, theta, 1, { tol: 1e-10 });
    expect(Math.abs(whole2.values[0]! - whole[0]!)).toBeLessThan(1e-9);
  });

  it("takes fewer products from a warm start, and gives the same values", async () => {
    const nearby = theta.map((value, i) => value + 1e-4 * Math.sin(i));
    const before = await layerEigenpairs(objective, theta, 1, { tol: 1e-8 });
    const cold = await layerEigenpairs(objective, nearby, 1, { tol: 1e-8 });
    const warm = await layerEigenpairs(objective, nearby, 1, { tol: 1e-8, warmStart: before });
    const total = (pairs: typeof cold): number => pairs.reduce((sum, { numMatvecs }) => sum + numMatvecs, 0);
    expect(total(warm)).toBeLessThan(total(cold));
    warm.forEach(({ values }, i) => {
      expect(Math.abs(values[0]! - cold[i]!.values[0]!)).toBeLessThan(1e-7);
    });
  });

  it("keeps the precision of the vectors that it is given", async () => {
    const apply = blockOperator(productWith(hessian), network.numParams, blocks[1]!);
    expect(await apply(new Float32Array(42))).toBeInstanceOf(Float32Array);
    expect(await apply(new Float64Array(42))).toBeInstanceOf(Float64Array);
  });
});
