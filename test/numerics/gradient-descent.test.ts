import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { FloatArray } from "../../src/numerics/float-array.ts";
import { gradientDescent, type Replica, type Run, type RunState } from "../../src/numerics/gradient-descent.ts";
import { initialise, mlp } from "../../src/numerics/networks.ts";
import { makeObjective, type Objective } from "../../src/numerics/objective.ts";
import type { Samples } from "../../src/numerics/samples.ts";
import { grad } from "../../src/programs/grad.ts";
import { constant, mul, scale, square, sum } from "../../src/programs/ops.ts";
import { trace } from "../../src/programs/trace.ts";
import { openRuntime } from "../../src/runtimes/open.ts";
import type { Runtime } from "../../src/runtimes/runtime.ts";
import { isUnavailable } from "../../src/runtimes/unavailable.ts";
import { fashionMnist, trigonometricSamples } from "./cases.ts";

async function open(threads?: number): Promise<Runtime> {
  const runtime = await openRuntime("onnx:cpu", threads === undefined ? {} : { threads });
  if (isUnavailable(runtime)) throw new Error(runtime.message);
  return runtime;
}

let runtime: Runtime;
beforeAll(async () => {
  runtime = await open();
});
afterAll(() => runtime.dispose());

/** The bytes of a run: equal strings, equal bits. */
function bits({ loss, accuracy, gradientNorm, theta, ending }: Run): string {
  const bytes = [loss, accuracy, gradientNorm, theta].map(({ buffer, byteOffset, byteLength }) =>
    Buffer.from(buffer, byteOffset, byteLength).toString("base64"),
  );
  return JSON.stringify([...bytes, ending]);
}

describe("on a quadratic (PROTOCOL C.2)", () => {
  const eigenvalues = [1, 5, 19, 21];
  /** L = ½Σλx², as an objective of which gradient descent sees the gradient program alone. */
  async function quadratic(): Promise<Objective> {
    const samples: Samples = {
      inputs: { dtype: "u8", shape: [1, 1], data: Uint8Array.of(0) },
      labels: Uint8Array.of(0),
    };
    const objective = await makeObjective(runtime, mlp([1, 4]), { train: samples }, { float: "f64" });
    const gradientProgram = (replicas: number) =>
      grad(
        trace(
          (theta) => {
            const lambda = constant({ dtype: "f64", shape: [1, 4], data: Float64Array.from(eigenvalues) });
            return [scale(sum(mul(square(theta), lambda), [1]), 0.5), scale(sum(theta, [1]), 0)];
          },
          [
            { name: "theta", aval: { dtype: "f64", shape: [replicas, 4] } },
            { name: "x", aval: { dtype: "f64", shape: [1, 1, 1] } },
            { name: "y", aval: { dtype: "f64", shape: [1, 4, 1] } },
          ],
          ["loss", "correct"],
        ),
        { wrt: [0] },
      );
    return { ...objective, gradientProgram };
  }

  it("L after 1, 10 and 50 steps, and its closed form throughout", async () => {
    const [run] = await gradientDescent(await quadratic(), [{ theta: new Float64Array(4).fill(1), rate: 0.1 }], {
      epochs: 50,
    });
    expect(run!.ending).toEqual({ reason: "epochs", epoch: 50 });
    expect(run!.loss[1]).toBeCloseTo(21.43, 12);
    expect(Math.abs(run!.loss[10]! - 71.8545184)).toBeLessThan(5.1e-8);
    expect(Math.abs(run!.loss[50]! - 144_696.43)).toBeLessThan(5.1e-3);
    run!.loss.forEach((loss, t) => {
      const point = eigenvalues.map((lambda) => (1 - 0.1 * lambda) ** t);
      const exact = eigenvalues.reduce((total, lambda, i) => total + (lambda * point[i]! ** 2) / 2, 0);
      const slope = Math.sqrt(eigenvalues.reduce((total, lambda, i) => total + (lambda * point[i]!) ** 2, 0));
      // Each step rounds a few times.
      expect(Math.abs(loss / exact - 1)).toBeLessThan(8 * (t + 1) * 2 ** -53);
      expect(Math.abs(run!.gradientNorm[t]! / slope - 1)).toBeLessThan(8 * (t + 1) * 2 ** -53);
    });
  });

  it("beyond 2/λ it diverges, as a result", async () => {
    const [run] = await gradientDescent(await quadratic(), [{ theta: new Float64Array(4).fill(1), rate: 0.2 }], {
      epochs: 500,
    });
    expect(run!.ending.reason).toBe("diverged");
    expect(run!.loss.length).toBe(run!.ending.epoch + 1);
    expect(run!.loss.at(-1)).toBeGreaterThan(1e6);
    expect(run!.loss.at(-2)).toBeLessThanOrEqual(1e6);
  });
});

describe("on a small network", () => {
  const network = mlp([8, 6, 6, 4], { activation: "tanh", bias: true });
  let objective: Objective;
  beforeAll(async () => {
    objective = await makeObjective(runtime, network, { train: trigonometricSamples(20, 8, 4) });
  });
  afterAll(() => objective.dispose());

  const start = (seed: number): Float64Array => initialise(network, seed);
  const rates = [0.05, 2, 0.8, 1e9, 0.3, 1.5];
  const replicas = (): Replica[] => rates.map((rate, seed) => ({ theta: start(seed), rate }));

  it("each epoch is θ − η∇L, recorded with the loss, accuracy and gradient there", async () => {
    const thetas: FloatArray[] = [];
    const rate = { before: 0.5, at: 7, after: 0.1 };
    const [run] = await gradientDescent(objective, [{ theta: start(0), rate }], {
      epochs: 12,
      isCheckpoint: () => true,
      onCheckpoint: (_, epoch, theta) => {
        thetas[epoch] = theta;
      },
    });
    expect(thetas.length).toBe(13);
    for (const [t, theta] of thetas.entries()) {
      const { loss, accuracy, grad: slope } = await objective.gradient(theta);
      expect(run!.loss[t]).toBe(loss[0]);
      expect(run!.accuracy[t]).toBe(accuracy[0]);
      const length = Math.hypot(...slope);
      expect(Math.abs(run!.gradientNorm[t]! / length - 1)).toBeLessThan(network.numParams * 2 ** -24);
      const eta = t < 7 ? 0.5 : 0.1;
      thetas[t + 1]?.forEach((value, i) => {
        // Two roundings of numbers below 4.
        expect(Math.abs(value - (theta[i]! - eta * slope[i]!))).toBeLessThan(4 * 2 ** -23);
      });
    }
    expect(run!.theta).toEqual(thetas[12]);
  });

  it("every replica ends for its own reason, at the first epoch that gives it", async () => {
    const runs = await gradientDescent(objective, replicas(), { epochs: 400 });
    const reasons = runs.map(({ ending }) => ending.reason);
    expect(reasons[0]).toBe("epochs");
    expect(reasons).toContain("complete");
    expect(reasons[3]).toBe("diverged");
    for (const { ending, accuracy, loss, gradientNorm } of runs) {
      expect([loss.length, accuracy.length, gradientNorm.length]).toEqual(new Array(3).fill(ending.epoch + 1));
      const first = accuracy.findIndex((value) => value > 0.9999);
      expect(first).toBe(ending.reason === "complete" ? ending.epoch : -1);
    }
  });

  it("an instance's bytes depend on nothing else: batch, order, window, resumption", async () => {
    const options = { epochs: 400 } as const;
    const together = await gradientDescent(objective, replicas(), options);
    const expected = together.map(bits);
    expect(new Set(together.map(({ ending }) => ending.epoch)).size).toBeGreaterThan(3);

    const reversed = await gradientDescent(objective, replicas().reverse(), options);
    expect(reversed.map(bits).reverse()).toEqual(expected);
    for (const [i, replica] of replicas().entries()) {
      for (const stepsPerCall of [1, 7]) {
        const [alone] = await gradientDescent(objective, [replica], { ...options, stepsPerCall });
        expect(bits(alone!)).toBe(expected[i]);
      }
    }
    // Resumed from a checkpoint: the same numbers from there on.
    const kept = new Map<number, FloatArray>();
    await gradientDescent(objective, replicas().slice(0, 1), {
      ...options,
      isCheckpoint: (epoch) => epoch % 90 === 0,
      onCheckpoint: (_, epoch, theta) => {
        kept.set(epoch, theta);
      },
    });
    expect([...kept.keys()]).toEqual([0, 90, 180, 270, 360]);
    const [resumed] = await gradientDescent(objective, [{ theta: kept.get(270)!, rate: rates[0]! }], {
      epochs: 130,
      firstEpoch: 270,
    });
    expect(resumed!.ending).toEqual(together[0]!.ending);
    expect(resumed!.theta).toEqual(together[0]!.theta);
    expect(resumed!.loss).toEqual(together[0]!.loss.slice(270));
  });

  it("goes on from saved states to the same bits, whoever else is there and wherever they are", async () => {
    const isCheckpoint = (epoch: number): boolean => epoch % 15 === 0;
    const follow = async (chosen: readonly Replica[], saveEvery: number) => {
      const states = chosen.map((): RunState[] => []);
      const epochs = chosen.map((): number[] => []);
      const runs = await gradientDescent(objective, chosen, {
        epochs: 400,
        saveEvery,
        isCheckpoint,
        onState: (replica, state) => states[replica]!.push(state),
        onCheckpoint: (replica, epoch) => epochs[replica]!.push(epoch),
      });
      return { runs, states, epochs };
    };
    const whole = await follow(replicas(), 7);
    for (const [i, { ending }] of whole.runs.entries()) {
      // No state of what has ended, and every one a whole number of windows on.
      expect(whole.states[i]!.every(({ epoch, loss }) => epoch <= ending.epoch && loss.length === epoch)).toBe(true);
    }
    // The first state of each, its last one, or none: a batch of new members and of old ones at many epochs.
    for (const pick of [0, 1, 2]) {
      const mixture = replicas().map((replica, i): Replica => {
        const states = whole.states[i]!;
        const from = [states[0], states.at(-1), undefined][(i + pick) % 3];
        return from === undefined ? replica : { ...replica, from };
      });
      for (const chosen of [mixture, [...mixture].reverse(), mixture.slice(0, 2)]) {
        const again = await follow(chosen, 50);
        for (const [row, replica] of chosen.entries()) {
          const i = mixture.indexOf(replica);
          expect(bits(again.runs[row]!)).toBe(bits(whole.runs[i]!));
          const missing = whole.epochs[i]!.filter((epoch) => epoch > (replica.from?.epoch ?? -1));
          expect(again.epochs[row]).toEqual(missing);
        }
      }
    }
  });

  it("checkpoints are the same with and without the others, and none comes after the end", async () => {
    const collect = async (chosen: readonly Replica[], stepsPerCall: number) => {
      const found = chosen.map(() => new Map<number, FloatArray>());
      const runs = await gradientDescent(objective, chosen, {
        epochs: 60,
        stepsPerCall,
        isCheckpoint: (epoch) => epoch % 4 === 0,
        onCheckpoint: (replica, epoch, theta) => {
          found[replica]!.set(epoch, theta);
        },
      });
      return { found, runs };
    };
    const { found, runs } = await collect(replicas(), 5);
    for (const [i, replica] of replicas().entries()) {
      const alone = await collect([replica], 1);
      expect(alone.found[0]).toEqual(found[i]);
      const epochs = Array.from({ length: 16 }, (_, j) => 4 * j).filter((epoch) => epoch <= runs[i]!.ending.epoch);
      expect([...found[i]!.keys()]).toEqual(epochs);
    }
  });

  it("a network that is stuck at chance has diverged; a slow one has not", async () => {
    // At θ = 0 no ReLU is alive: the gradient is zero, and equal logits are a tie, which is never right.
    const dead = mlp([8, 6, 4]);
    const inert = await makeObjective(runtime, dead, { train: trigonometricSamples(20, 8, 4) });
    const [stuck] = await gradientDescent(inert, [{ theta: new Float64Array(dead.numParams), rate: 0.1 }], {
      epochs: 300,
    });
    expect(stuck!.ending).toEqual({ reason: "diverged", epoch: 99 });
    await inert.dispose();
    const [slow] = await gradientDescent(objective, [{ theta: start(1), rate: 1e-3 }], { epochs: 150 });
    expect(slow!.ending.reason).toBe("epochs");
  });
});

describe("the paper's MLP on Fashion-MNIST", () => {
  const samples = fashionMnist();
  const network = mlp([784, 32, 32, 32, 32, 10]);
  const epochs = 6;

  it.skipIf(samples === undefined)(
    "the same bytes with 1, 2 and 47 replicas, in any order, with 1 and 2 threads",
    async () => {
      const etas = Array.from({ length: 47 }, (_, i) => 0.01 * 1.1 ** i);
      const replica = (i: number): Replica => ({ theta: initialise(network, i % 5), rate: etas[i]! });
      const results = new Map<string, string>();
      for (const threads of [1, 2]) {
        const device = await open(threads);
        const objective = await makeObjective(device, network, { train: samples! });
        const groups = [
          Array.from({ length: 47 }, (_, i) => i),
          Array.from({ length: 47 }, (_, i) => 46 - i),
          [46, 3],
          [17],
          [3],
        ];
        for (const group of groups) {
          const runs = await gradientDescent(objective, group.map(replica), {
            epochs,
            stepsPerCall: group.length > 2 ? 1 : 3,
          });
          for (const [row, i] of group.entries()) {
            const found = bits(runs[row]!);
            const known = results.get(String(i)) ?? found;
            results.set(String(i), known);
            expect(found === known, `replica ${i} in a group of ${group.length} with ${threads} threads`).toBe(true);
          }
        }
        await objective.dispose();
        await device.dispose();
      }
      expect(results.size).toBe(47);
      expect(new Set(results.values()).size).toBe(47);
    },
  );
});
