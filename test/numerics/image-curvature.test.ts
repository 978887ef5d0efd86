import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { FloatArray } from "../../src/numerics/float-array.ts";
import { hessianTrace } from "../../src/numerics/hessian-trace.ts";
import { imageNetwork } from "../../src/numerics/image-networks.ts";
import { type ImageObjective, makeImageObjective } from "../../src/numerics/image-objective.ts";
import { layerBlocks, layerEigenpairs } from "../../src/numerics/layer-blocks.ts";
import { hessianQuadrature, spectralMean } from "../../src/numerics/spectral-density.ts";
import { symmetricEigen } from "../../src/numerics/tridiagonal.ts";
import type { Runtime } from "../../src/runtimes/runtime.ts";
import { openForTest } from "../runtimes/devices.ts";
import { trigonometricImages, trigonometricImageTheta } from "./image-cases.ts";
import { COUNT, GHOST, SMALL_NETWORKS } from "./image-fixture.ts";

// What is known of the Hessian beyond its largest eigenvalues, for convolutional networks over ghost batches.

const opened = await openForTest("onnx:cpu");
const runtime = opened as Runtime;
const skipped = "skipped" in opened ? ` (${opened.skipped})` : "";
afterAll(async () => {
  if (skipped === "") await runtime.dispose();
});

describe.skipIf(skipped !== "").each(SMALL_NETWORKS)("$name, against its dense Hessian", ({ network }) => {
  const theta = trigonometricImageTheta(network);
  const P = network.numParams;
  let objective: ImageObjective;
  let hessian: number[][];
  beforeAll(async () => {
    const source = trigonometricImages(COUNT, [2, 8, 8], 4);
    objective = await makeImageObjective(runtime, network, { train: source }, { ghostBatch: GHOST, float: "f64" });
    const around = await objective.linearize(theta);
    hessian = [];
    for (let i = 0; i < P; i++)
      hessian.push(Array.from(await around.hvp(Float64Array.from({ length: P }, (_, j) => +(i === j)) as FloatArray)));
    around.dispose();
  });
  afterAll(() => objective.dispose());

  it("layers: convolutions, their batch norms and dense layers, each with its block's largest eigenvalue", async () => {
    const blocks = layerBlocks(network);
    expect(blocks.reduce((total, { numParams }) => total + numParams, 0)).toBe(P);
    const found = await layerEigenpairs(objective, theta, 1, { tol: 1e-9 });
    found.forEach(({ layer, values }, i) => {
      const { name, slices } = blocks[i]!;
      expect(layer).toBe(name);
      const indices = slices.flatMap(({ offset, size }) => Array.from({ length: size }, (_, at) => offset + at));
      const { values: exact } = symmetricEigen(indices.map((r) => indices.map((c) => hessian[r]![c]!)));
      // λ of a unit vector is good to its residual; the block's own norm may exceed its largest eigenvalue.
      const scale = Math.max(...exact.map(Math.abs));
      expect(Math.abs(values[0]! - exact[0]!)).toBeLessThan(1e-8 * scale);
    });
  });

  it("density and trace", async () => {
    const exact = hessian.reduce((total, row, i) => total + row[i]!, 0);
    const { values } = symmetricEigen(hessian);
    const { quadratures } = await hessianQuadrature(objective, theta, { probes: 4, steps: 30 });
    for (const { nodes } of quadratures)
      for (const end of [0, -1])
        expect(Math.abs(nodes.at(end)! - values.at(end)!)).toBeLessThan(1e-6 * Math.abs(values[0]!));
    const mean = spectralMean(quadratures, (value) => value);
    // Four probes know their error to within a factor of a few.
    expect(Math.abs(P * mean.value - exact)).toBeLessThan(10 * P * mean.error);
    const { trace } = await hessianTrace(objective, theta, { matvecs: 45 });
    expect(Math.abs(trace.value - exact)).toBeLessThan(5 * trace.error);
  });
});

describe.skipIf(skipped !== "")(`VGG10 of PROTOCOL C.6${skipped}`, () => {
  it("the spectrum's ends, and layers below the whole network's largest eigenvalue", async () => {
    const network = imageNetwork("vgg10");
    const source = trigonometricImages(16, [3, 32, 32], 10);
    const objective = await makeImageObjective(runtime, network, { train: source }, { ghostBatch: 8 });
    const theta = trigonometricImageTheta(network, [32, 4, 4]);
    const { quadratures } = await hessianQuadrature(objective, theta, { probes: 1, steps: 25 });
    const [{ nodes }] = quadratures as [(typeof quadratures)[number]];
    // Nine layers of sums of up to 512 terms, twice over: as the objective's own tests have it.
    const expectNear = (found: number, published: number): void =>
      expect(Math.abs(found / published - 1)).toBeLessThan(2_000 * 2 ** -24);
    expectNear(nodes[0]!, 751.759379901);
    expectNear(nodes[1]!, 541.739537969);
    expectNear(nodes.at(-1)!, -1629.782337);
    const layers = await layerEigenpairs(objective, theta, 1, { confirm: false, maxMatvecs: 6 });
    expect(layers.length).toBe(layerBlocks(network).length);
    // Ritz values of a block, converged or not, are at most its largest eigenvalue.
    for (const { values } of layers) expect(values[0]!).toBeLessThanOrEqual(751.76);
    await objective.dispose();
  });
});
