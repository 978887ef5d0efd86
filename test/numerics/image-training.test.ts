import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { imageNetwork } from "../../src/numerics/image-networks.ts";
import { type ImageObjective, makeImageObjective } from "../../src/numerics/image-objective.ts";
import type { ImageSource } from "../../src/numerics/image-source.ts";
import {
  type ImageRun,
  type ImageSchedule,
  type ImageStart,
  type ImageTrainingOptions,
  type ImageTrainingState,
  trainImages,
} from "../../src/numerics/image-training.ts";
import { initialise } from "../../src/numerics/networks.ts";
import { uniform } from "../../src/numerics/rng.ts";
import { initialStatistics } from "../../src/numerics/running-statistics.ts";
import type { Runtime } from "../../src/runtimes/runtime.ts";
import { openImageResume, savedBy } from "../../stages/shared/image-resume.ts";
import { openForTest } from "../runtimes/devices.ts";

const IMAGE = [3, 8, 8] as const;
const CLASSES = 3;
const PIXELS = 3 * 8 * 8;
const network = imageNetwork(
  { kind: "vgg", widths: [3, 4], convs: 1, dense: 6 },
  { imageShape: IMAGE, classes: CLASSES },
);

/** Images whose class is the channel that is bright, under noise: soon learned. */
const source: ImageSource = {
  count: 40,
  classes: CLASSES,
  imageShape: IMAGE,
  labels: (start, end) => Uint8Array.from({ length: end - start }, (_, i) => (start + i) % CLASSES),
  fill(start, end, into, { interleave: m }) {
    for (let n = start; n < end; n++) {
      const noise = uniform({ seed: n, name: "noise" }, PIXELS);
      const j = (n - start) % m;
      for (let k = 0; k < PIXELS; k++)
        into[(n - start - j) * PIXELS + k * m + j] = noise[k]! + (Math.floor(k / 64) === n % CLASSES ? 0.6 : 0);
    }
  },
};

let runtime: Runtime;
let objective: ImageObjective;
const start: ImageStart = { theta: initialise(network, 1) };
const open = (): Promise<ImageObjective> => makeImageObjective(runtime, network, { train: source }, { ghostBatch: 16 });

beforeAll(async () => {
  const opened = await openForTest("onnx:cpu");
  if ("skipped" in opened) throw new Error(opened.skipped);
  runtime = opened;
  objective = await open();
});
afterAll(async () => {
  await objective.dispose();
  await runtime.dispose();
});

const train = (schedule: ImageSchedule, options: ImageTrainingOptions, from = start): Promise<ImageRun> =>
  trainImages(objective, from, schedule, options);

/** Steps are θ − η∇L in float32 of a product and a difference in double; the running statistics take up each pass. */
async function expectRates(run: ImageRun, rates: readonly number[]): Promise<void> {
  const { checkpoints } = run;
  expect(checkpoints.map(({ epoch }) => epoch)).toEqual([...rates.keys(), rates.length]);
  const running = initialStatistics(network.channels);
  for (const [epoch, { theta, statistics }] of checkpoints.entries()) {
    const pass = await objective.gradient(theta);
    expect(run.loss[epoch]).toBe(pass.loss[0]);
    expect(run.accuracy[epoch]).toBe(pass.accuracy[0]);
    for (const measured of pass.statistics[0]!)
      for (let i = 0; i < running.length; i++) running[i] = 0.99 * running[i]! + (1 - 0.99) * measured[i]!;
    expect([...statistics]).toEqual([...running]);
    if (epoch === rates.length) continue;
    const next = Float32Array.from(theta, (value, i) => value - rates[epoch]! * pass.grad[i]!);
    expect([...checkpoints[epoch + 1]!.theta]).toEqual([...next]);
  }
}

it("warms up linearly, and reduces the rate at an epoch", async () => {
  const run = await train(
    { eta: 0.4, warmup: 4, reduce: { to: 0.05, atEpoch: 6 } },
    { epochs: 8, completeAbove: 1, checkpoints: 100 },
  );
  await expectRates(run, [(0.4 * 1) / 4, (0.4 * 2) / 4, (0.4 * 3) / 4, 0.4, 0.4, 0.4, 0.05, 0.05]);
  expect(run.reducedAt).toBe(6);
  expect(run.ending).toEqual({ reason: "epochs", epoch: 8 });
});

it("reduces the rate at the first epoch of an accuracy, also within the warm-up", async () => {
  const options = { epochs: 8, completeAbove: 1, checkpoints: 100 };
  const free = await train({ eta: 0.2, warmup: 20 }, options);
  const accuracy = free.accuracy[3]!;
  const at = free.accuracy.findIndex((value) => value >= accuracy);
  const run = await train({ eta: 0.2, warmup: 20, reduce: { to: 0.1, atAccuracy: accuracy } }, options);
  expect(run.reducedAt).toBe(at);
  await expectRates(
    run,
    Array.from({ length: 8 }, (_, epoch) => ((epoch < at ? 0.2 : 0.1) * (epoch + 1)) / 20),
  );
  const never = await train({ eta: 0.2, warmup: 20, reduce: { to: 0.1, atAccuracy: 1.1 } }, options);
  expect(never.reducedAt).toBeNull();
  expect([...never.theta]).toEqual([...free.theta]);
});

it("ends at completion, with statistics that evaluate it, and keeps checkpoints evenly", async () => {
  const run = await train({ eta: 0.5, warmup: 5 }, { epochs: 400, checkpoints: 8 });
  expect(run.ending.reason).toBe("complete");
  const { epoch } = run.ending;
  expect(run.accuracy[epoch]).toBe(1);
  expect(Math.max(...run.accuracy.subarray(0, epoch))).toBeLessThan(1);
  const kept = run.checkpoints.map((checkpoint) => checkpoint.epoch);
  expect(kept.length).toBeGreaterThan(4);
  expect(kept.length).toBeLessThanOrEqual(8);
  const stride = kept[1]!;
  expect(kept).toEqual(kept.map((_, i) => i * stride));
  const trained = await objective.evaluateWith(run.theta, await objective.populationStatistics(run.theta));
  expect(trained.accuracy[0]).toBeGreaterThan(0.9);
});

it("ends where it diverges", async () => {
  const run = await train({ eta: 1e9, warmup: 0 }, { epochs: 50 });
  expect(run.ending.reason).toBe("diverged");
  expect(run.ending.epoch).toBeLessThan(50);
});

const SCHEDULE: ImageSchedule = { eta: 0.3, warmup: 4, reduce: { to: 0.1, atEpoch: 7 } };
const OPTIONS: ImageTrainingOptions = { epochs: 11, completeAbove: 1, checkpoints: 4 };

function expectSame(a: ImageRun, b: ImageRun): void {
  const plain = (run: ImageRun) => ({
    ...run,
    checkpoints: run.checkpoints.map(({ epoch, theta, statistics }) => [epoch, [...theta], [...statistics]]),
  });
  expect(plain(a)).toEqual(plain(b));
}

it("resumed in a new process's place is the uninterrupted run, bit for bit, from whichever state", async () => {
  const whole = await train(SCHEDULE, OPTIONS);
  const folder = mkdtempSync(join(tmpdir(), "images-"));
  try {
    for (const stopAfter of [2, 6, 8]) {
      const killed = openImageResume(folder);
      const stop = new Error("killed");
      // A clock on which epoch t is over at t + 1 seconds, the states being due every two.
      let seconds = killed.from?.run.epoch ?? 0;
      const lost = train(SCHEDULE, {
        ...OPTIONS,
        ...(killed.from === undefined ? {} : { from: killed.from }),
        ...savedBy(2000, killed.save, () => 1000 * seconds),
        onEpoch: (epoch) => {
          if (epoch === stopAfter) throw stop;
          seconds = epoch + 1;
        },
      });
      await expect(lost).rejects.toBe(stop);
    }
    const { from } = openImageResume(folder);
    expect(from?.run.epoch).toBe(8);
    expect(from?.reducedAt).toBe(7);
    const another = await open();
    expectSame(await trainImages(another, start, SCHEDULE, { ...OPTIONS, from: from! }), whole);
    await another.dispose();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  expect(openImageResume(undefined).from).toBeUndefined();
});

it("killed within an epoch, it goes on behind the ghost batch that was saved, to the same bits", async () => {
  const whole = await train(SCHEDULE, OPTIONS);
  const passes: number[] = [];
  const counting: ImageObjective = {
    ...objective,
    gradient(theta, pass) {
      passes.push(objective.ghostBatches.length - (pass?.from?.batches ?? 0));
      return objective.gradient(theta, pass);
    },
  };
  const folder = mkdtempSync(join(tmpdir(), "images-"));
  try {
    // Epochs take three ghost batches. In the warm-up, in one that was begun before, where the rate has just been reduced.
    for (const [epoch, batches] of [
      [0, 1],
      [2, 2],
      [7, 1],
      [7, 2],
    ] as const) {
      const killed = openImageResume(folder);
      const stop = new Error("killed");
      const lost = trainImages(counting, start, SCHEDULE, {
        ...OPTIONS,
        ...(killed.from === undefined ? {} : { from: killed.from }),
        isDue: () => true,
        onState: (state) => {
          killed.save(state);
          if (state.run.epoch === epoch && state.pass?.batches === batches) throw stop;
        },
      });
      await expect(lost).rejects.toBe(stop);
    }
    const { from } = openImageResume(folder);
    expect([from?.run.epoch, from?.pass?.batches, from?.reducedAt]).toEqual([7, 2, null]);
    const another = await open();
    expectSame(await trainImages(another, start, SCHEDULE, { ...OPTIONS, from: from! }), whole);
    await another.dispose();
    // Nothing is computed again but the ghost batch that was not saved.
    expect(passes).toEqual([3, ...[2, 3, 3], ...[1, 3, 3, 3, 3, 3], 2]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

it("saves by the time since the last state was saved, that of saving left aside", async () => {
  let seconds = 0;
  const at: number[] = [];
  const save = ({ run }: ImageTrainingState): void => {
    at.push(run.epoch);
    seconds += 100;
  };
  await train(SCHEDULE, {
    ...OPTIONS,
    ...savedBy(30_000, save, () => 1000 * seconds),
    onEpoch: () => {
      seconds += 14;
    },
  });
  // 3·14 ≥ 30 seconds; the twelfth epoch takes no step.
  expect(at).toEqual([3, 6, 9]);
});

it("goes on from a checkpoint as if it had never stopped there", async () => {
  const schedule: ImageSchedule = { eta: 0.3, warmup: 6 };
  const whole = await train(schedule, { ...OPTIONS, checkpoints: 100 });
  const at = whole.checkpoints[4]!;
  const rest = await train(schedule, { ...OPTIONS, epochs: OPTIONS.epochs - at.epoch }, {
    ...at,
    firstEpoch: at.epoch,
  } as typeof start);
  expect(rest.firstEpoch).toBe(4);
  expect([...rest.loss]).toEqual([...whole.loss.subarray(4)]);
  expect([...rest.theta]).toEqual([...whole.theta]);
  expect([...rest.statistics]).toEqual([...whole.statistics]);
});
