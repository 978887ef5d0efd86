import { describe, expect, it } from "vitest";
import { dot, norm } from "../../src/numerics/basis.ts";
import type { FloatArray } from "../../src/numerics/float-array.ts";
import type { PassState } from "../../src/numerics/ghost-sums.ts";
import type { GhostGradient } from "../../src/numerics/image-objective.ts";
import { poolStatistics } from "../../src/numerics/running-statistics.ts";
import { sizeOf } from "../../src/programs/tensor.ts";
import type { Runtime } from "../../src/runtimes/runtime.ts";
import { part } from "./image-cases.ts";
import { COUNT, GHOST, SLACK, type SmallNetwork, setUp } from "./image-fixture.ts";

/** How the host puts an image objective together: ghost batches, replicas, what is kept, layouts, statistics. */
export function describeHost(runtime: Runtime, small: SmallNetwork): void {
  describe("put together", () => describeParts(runtime, small));
}

function describeParts(runtime: Runtime, small: SmallNetwork): void {
  const context = setUp(runtime, small);
  const { isDouble, network, source, theta, P, a, b, moved, open, expectClose } = context;

  it("is the average of its ghost batches: in loss, gradient, product, and by samples where asked", async () => {
    const cuts = [0, 8, 16, 20] as const;
    const parts: {
      readonly loss: number;
      readonly right: number;
      readonly grad: FloatArray;
      readonly hv: FloatArray;
    }[] = [];
    for (const [i, start] of cuts.slice(0, 3).entries()) {
      const alone = await open({}, part(source, start, cuts[i + 1]!));
      const { loss, accuracy, grad, hvp, dispose } = await alone.linearize(theta);
      parts.push({ loss: loss[0]!, right: accuracy[0]! * (cuts[i + 1]! - start), grad, hv: await hvp(a) });
      dispose();
    }
    const sum = (weights: readonly number[], of: (i: number) => FloatArray): Float64Array =>
      Float64Array.from({ length: P }, (_, k) => weights.reduce((total, w, i) => total + w * of(i)[k]!, 0));
    for (const [each, weights] of [
      [context.objective, [1 / 3, 1 / 3, 1 / 3]],
      [await open({ averaging: "samples" }), [0.4, 0.4, 0.2]],
    ] as const) {
      expect(each.ghostBatches.map(({ start, end }) => [start, end])).toEqual([
        [0, 8],
        [8, 16],
        [16, 20],
      ]);
      const around = await each.linearize(theta);
      const loss = weights.reduce((total, w, i) => total + w * parts[i]!.loss, 0);
      // The same programs: nothing but the last rounding of the sums differs.
      expectClose(around.loss, [loss], 4);
      expectClose(
        around.grad,
        sum(weights, (i) => parts[i]!.grad),
        4,
      );
      expectClose(
        await around.hvp(a),
        sum(weights, (i) => parts[i]!.hv),
        4,
      );
      expect(around.accuracy[0]).toBeCloseTo(parts.reduce((total, { right }) => total + right, 0) / COUNT, 12);
      around.dispose();
      expectClose((await each.evaluate(theta)).loss, [loss]);
    }
  });

  it("gives the same bits whatever is kept: residuals, batches, nothing", async () => {
    const around = await context.objective.linearize(theta);
    const expected = { grad: [...around.grad], product: [...(await around.hvp(a))] };
    const { primal, numResiduals } = context.objective.programs.linearized({
      count: GHOST,
      interleave: context.objective.ghostBatches[0]!.interleave,
    });
    const one = primal.outputs
      .slice(-numResiduals)
      .reduce((total, { shape }) => total + (isDouble ? 8 : 4) * sizeOf(shape), 0);
    for (const memory of [
      { data: 0, residuals: 0 },
      { data: 0, residuals: one },
      { data: 12_000, residuals: one },
    ]) {
      const frugal = await open({ memory });
      const there = await frugal.linearize(theta);
      expect([...there.grad]).toEqual(expected.grad);
      expect([...(await there.hvp(a))]).toEqual(expected.product);
      expect([...(await there.hvp(a))]).toEqual(expected.product);
      there.dispose();
    }
    around.dispose();
  });

  it("computes for several replicas what it does for each, to the bit", async () => {
    const both = Float64Array.from([...theta, ...moved(b, 0.3)]);
    const vectors = Float64Array.from([...a, ...b]);
    const together = await context.objective.linearize(both);
    const products = await together.hvp(vectors);
    const curvature = await context.objective.curvatureGradient(both, vectors);
    for (const r of [0, 1]) {
      const own = <T extends FloatArray>(values: T): number[] => [...values.subarray(r * P, (r + 1) * P)];
      const point = both.subarray(r * P, (r + 1) * P);
      const alone = await context.objective.linearize(point);
      expect(alone.loss[0]).toBe(together.loss[r]);
      expect([...alone.grad]).toEqual(own(together.grad));
      expect([...(await alone.hvp(vectors.subarray(r * P, (r + 1) * P)))]).toEqual(own(products));
      expect([...(await context.objective.curvatureGradient(point, vectors.subarray(r * P, (r + 1) * P)))]).toEqual(
        own(curvature),
      );
      alone.dispose();
    }
    together.dispose();
  });

  it("stops between two ghost batches and goes on to the same bits, as another objective's as well", async () => {
    const both = Float64Array.from([...theta, ...moved(b, 0.3)]);
    const states: PassState[] = [];
    const plain = ({ loss, accuracy, grad, statistics }: GhostGradient) => ({
      loss: [...loss],
      accuracy: [...accuracy],
      grad: [...grad],
      statistics: statistics.map((each) => each.map((values) => [...values])),
    });
    const whole = plain(
      await context.objective.gradient(both, {
        onBatch: (batches, total, state) => {
          expect(total).toBe(3);
          states.push(state());
          expect(states).toHaveLength(batches);
        },
      }),
    );
    expect(whole).toEqual(plain(await context.objective.gradient(both)));
    expect(states.map(({ batches }) => batches)).toEqual([1, 2]);
    for (const [i, from] of states.entries()) {
      const later: number[] = [];
      const again = await open({ memory: { data: 0 } });
      const rest = await again.gradient(both, { from, onBatch: (batches) => later.push(batches) });
      expect(plain(rest)).toEqual(whole);
      expect(later).toEqual([2].slice(i));
      // What was handed out is the caller's: going on from it changed nothing in it.
      expect(from.statistics.map((each) => each.length)).toEqual([i + 1, i + 1]);
    }
  });

  it("calls at the same time do not disturb one another", async () => {
    const streaming = await open({ memory: { data: 0, residuals: 0 } });
    const points = [theta, moved(a, 0.1), moved(b, 0.1)];
    const losses = await Promise.all(points.map(async (point) => (await streaming.gradient(point)).loss[0]!));
    for (const [i, point] of points.entries()) expect((await streaming.gradient(point)).loss[0]).toBe(losses[i]);
  });

  it("with a batch's own statistics evaluates what training sees; pooled ones are of all samples", async () => {
    const whole = await open({ ghostBatch: COUNT });
    const { statistics, loss } = await whole.gradient(theta);
    const [[own]] = statistics as [[FloatArray]];
    expectClose((await whole.evaluateWith(theta, own)).loss, loss);
    expectClose(await whole.populationStatistics(theta), own, 4);
    // By hand, of the first batch norm: everything below it is the same in all ghost batches.
    const pooled = await context.objective.populationStatistics(theta);
    const first = 2 * network.channels[0]!;
    expectClose(pooled.subarray(0, first), own.subarray(0, first));
    const measured = (await context.objective.gradient(theta)).statistics[0]!;
    expect(measured).toHaveLength(3);
    const again = poolStatistics(
      network.channels,
      measured.map((values, i) => ({ count: [8, 8, 4][i]!, statistics: values })),
    );
    expectClose(pooled, again, 4);
  });

  it("of evaluation mode: L with given statistics, its derivatives with them held fixed", async () => {
    const statistics = await context.objective.populationStatistics(theta);
    const fixed = await open({ statistics, averaging: "samples" });
    const around = await fixed.linearize(theta);
    const { loss, accuracy } = await context.objective.evaluateWith(theta, statistics);
    expectClose(around.loss, loss, 20);
    expect(around.accuracy[0]).toBe(accuracy[0]);
    const [ha, hb] = [await around.hvp(a), await around.hvp(b)];
    around.dispose();
    expect(Math.abs(dot(ha, b) - dot(hb, a))).toBeLessThan(SLACK * context.u * Math.max(norm(ha), norm(hb)));
    // Another function than the ghost loss.
    const { grad } = await context.objective.gradient(theta);
    expect(norm(Float64Array.from(grad, (value, i) => value - around.grad[i]!))).toBeGreaterThan(0.01 * norm(grad));
    if (!isDouble) return;
    // As in the suite of derivatives: central differences, error ~ u^(2/3).
    const step = Math.cbrt(context.u);
    const at = async (s: number): Promise<number> =>
      (await context.objective.evaluateWith(context.moved(a, s), statistics)).loss[0]!;
    const slope = ((await at(step)) - (await at(-step))) / (2 * step);
    expect(Math.abs(slope - dot(around.grad, a))).toBeLessThan(200 * step ** 2 * norm(around.grad));
    const [high, low] = [await fixed.gradient(context.moved(a, step)), await fixed.gradient(context.moved(a, -step))];
    const error = Float64Array.from(ha, (value, i) => value - (high.grad[i]! - low.grad[i]!) / (2 * step));
    expect(norm(error)).toBeLessThan(200 * step ** 2 * norm(ha));
  });

  it("takes the layout that is asked for, with the same result", async () => {
    const plain = await open({ interleave: () => 1 });
    const blocked = await open({ interleave: (count) => count / 2 });
    expect(plain.ghostBatches.map(({ interleave }) => interleave)).toEqual([1, 1, 1]);
    expect(blocked.ghostBatches.map(({ interleave }) => interleave)).toEqual([4, 4, 2]);
    const [x, y] = [await plain.linearize(theta), await blocked.linearize(theta)];
    expectClose(x.loss, y.loss);
    expectClose(x.grad, y.grad);
    expectClose(await x.hvp(a), await y.hvp(a), 5 * SLACK);
    await expect(open({ interleave: () => 3 })).rejects.toThrow(/8 items cannot be interleaved by 3/);
  });
}
