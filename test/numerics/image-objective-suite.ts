import { afterAll, describe, expect, it } from "vitest";
import { dot, norm } from "../../src/numerics/basis.ts";
import type { FloatArray } from "../../src/numerics/float-array.ts";
import { makeImageObjective } from "../../src/numerics/image-objective.ts";
import { openReference } from "../../src/runtimes/reference.ts";
import type { DeviceName, Runtime } from "../../src/runtimes/runtime.ts";
import { openForTest } from "../runtimes/devices.ts";
import { GHOST, SLACK, SMALL_NETWORKS, type SmallNetwork, setUp } from "./image-fixture.ts";
import { describeHost } from "./image-host-suite.ts";
import { describeVgg10, type Vgg10Depth } from "./vgg10-suite.ts";

/** The ghost objective of image networks on one device: PROTOCOL C.6's VGG10, and identities of small networks. */
export async function describeImageObjective(
  device: DeviceName,
  options: {
    readonly vgg10: (runtime: Runtime) => Vgg10Depth | { readonly skipped: string };
    /** `device`: what the device computes, and not how the host puts it together. */
    readonly small: "all" | "device";
  },
): Promise<void> {
  const runtime = await openForTest(device);
  if ("skipped" in runtime) {
    describe.skip(`${device} (${runtime.skipped})`, () => {
      it("has the protocol's numbers", () => {});
    });
    return;
  }
  describe(device, () => {
    afterAll(() => runtime.dispose());
    const depth = options.vgg10(runtime);
    if (typeof depth === "string") describeVgg10(runtime, depth);
    else {
      console.warn(`skipped VGG10 on ${device}: ${depth.skipped}`);
      it.skip(`VGG10 (${depth.skipped})`, () => {});
    }
    describe.each(SMALL_NETWORKS)("$name", (small) => {
      describeDerivatives(runtime, small);
      if (options.small === "all") describeHost(runtime, small);
    });
  });
}

/** What ε = 1e-5 in a batch norm is beside a variance of 1,000² times 0.01 at least. */
const EPSILON_LEFT = 1e-9;

function describeDerivatives(runtime: Runtime, small: SmallNetwork): void {
  const context = setUp(runtime, small);
  const { u, isDouble, network, source, theta, P, a, b, moved, expectClose } = context;

  if (!isDouble)
    it("agrees with the float64 twin: L, ∇L, Hv, ∇(vᵀHv)", async () => {
      const twin = openReference();
      const exact = await makeImageObjective(twin, network, { train: source }, { ghostBatch: GHOST });
      const [x, y] = [await context.objective.linearize(theta), await exact.linearize(theta)];
      expectClose(x.loss, y.loss);
      expectClose(x.grad, y.grad);
      expectClose(await x.hvp(a), await y.hvp(a));
      expectClose(await context.objective.curvatureGradient(theta, a), await exact.curvatureGradient(theta, a));
      x.dispose();
    });

  // In float32 a step that shows a difference moves the pooling's masks; the twin above stands in for it.
  if (isDouble)
    it("∇L against differences of L, Hv against differences of ∇L, ∇(vᵀHv) against differences of vᵀHv", async () => {
      // A central difference with the step that balances truncation h² against rounding u/h; error ~ u^(2/3).
      const step = Math.cbrt(u);
      const tolerance = 200 * step ** 2;
      const { grad } = await context.objective.gradient(theta);
      const [up, down] = [
        await context.objective.evaluate(moved(a, step)),
        await context.objective.evaluate(moved(a, -step)),
      ];
      const slope = (up.loss[0]! - down.loss[0]!) / (2 * step);
      expect(Math.abs(slope - dot(grad, a))).toBeLessThan(tolerance * Math.max(1, norm(grad)));
      const around = await context.objective.linearize(theta);
      const product = await around.hvp(a);
      around.dispose();
      const [high, low] = [
        await context.objective.gradient(moved(a, step)),
        await context.objective.gradient(moved(a, -step)),
      ];
      const quotient = product.map((_, i) => (high.grad[i]! - low.grad[i]!) / (2 * step)) as FloatArray;
      const error = norm(product.map((value, i) => value - quotient[i]!) as FloatArray);
      expect(error).toBeLessThan(tolerance * Math.max(1, norm(product)));
      const curvature = await context.objective.curvatureGradient(theta, a);
      const at = async (s: number): Promise<number> => {
        const there = await context.objective.linearize(moved(b, s));
        const value = dot(a, await there.hvp(a));
        there.dispose();
        return value;
      };
      const bend = ((await at(step)) - (await at(-step))) / (2 * step);
      expect(Math.abs(bend - dot(curvature, b))).toBeLessThan(10 * tolerance * Math.max(1, norm(curvature)));
    });

  it("has symmetric products, linear in v, in blocks and one by one the same to the bit", async () => {
    const around = await context.objective.linearize(theta);
    const [ha, hb] = [await around.hvp(a), await around.hvp(b)];
    const size = Math.max(norm(ha), norm(hb));
    expect(Math.abs(dot(ha, b) - dot(hb, a))).toBeLessThan(SLACK * u * size);
    const mixed = await around.hvp(a.map((value, i) => 2 * value - 3 * b[i]!));
    expectClose(
      mixed,
      Float64Array.from(ha, (value, i) => 2 * value - 3 * hb[i]!),
    );
    expect([...(await around.hvp(Float64Array.from([...a, ...b])))]).toEqual([...ha, ...hb]);
    around.dispose();
  });

  it("does not change when the weights before a batch norm are scaled: ⟨θ_w, g_w⟩ = 0 and H·θ_w = −g_w", async () => {
    // Large, so that ε = 1e-5 in the batch norms is nothing beside their variances.
    const large = theta.slice();
    const before = network.layout.filter(({ name }) => name.includes("conv") && name.endsWith(".weight"));
    for (const { offset, size } of before) for (let i = offset; i < offset + size; i++) large[i]! *= 1_000;
    const around = await context.objective.linearize(large);
    for (const { offset, size, name } of before) {
      const radial = new Float64Array(P);
      for (let i = offset; i < offset + size; i++) radial[i] = large[i]!;
      const scaled = large.map((value, i) => value + radial[i]!);
      const { loss } = await context.objective.evaluate(scaled);
      expect(Math.abs(loss[0]! - around.loss[0]!)).toBeLessThan((EPSILON_LEFT + SLACK * u) * loss[0]!);
      const own = around.grad.subarray(offset, offset + size);
      const along = dot(own, large.subarray(offset, offset + size));
      expect(Math.abs(along), name).toBeLessThan((EPSILON_LEFT + SLACK * u) * norm(own) * norm(radial));
      const product = await around.hvp(radial);
      // ‖H‖‖θ_w‖ is what rounds, and no entry of it is known; gradients of all tensors are of its order.
      const expected = Float64Array.from(product, (_, i) => (i >= offset && i < offset + size ? -around.grad[i]! : 0));
      const error = norm(Float64Array.from(product, (value, i) => value - expected[i]!));
      expect(error, name).toBeLessThan((EPSILON_LEFT + SLACK * u) * Math.max(norm(product), norm(around.grad)) * 10);
    }
    around.dispose();
  });

  it("has no gradient by biases before a batch norm", async () => {
    const { grad } = await context.objective.gradient(theta);
    for (const { name, offset, size } of network.layout)
      if (name.startsWith("conv") && name.endsWith(".bias"))
        expect(norm(grad.subarray(offset, offset + size))).toBeLessThan(SLACK * u * norm(grad));
  });
}
