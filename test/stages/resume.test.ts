import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { writeSafetensors } from "../../src/formats/safetensors.ts";
import type { BatchMember, Json, Stage } from "../../src/stage.ts";
import model from "../../stages/model.ts";
import reduction from "../../stages/reduction.ts";
import { openResume, type Saved } from "../../stages/shared/resume.ts";
import train from "../../stages/train.ts";
import { fakeContext } from "../data/context.ts";
import { writeRandomImages } from "./random-images.ts";

/** Batches of the training stages that end in the middle of things, on a tiny network, onnx:cpu. */
const NETWORK = [16, 6, 3];
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "resume-"));
  // Labels by chance: nobody completes the training early.
  writeRandomImages(join(folder, "data"), [4, 4], { train: 60, test: 9 });
});
afterAll(() => rmSync(folder, { recursive: true }));

interface Instance {
  readonly name: string;
  readonly params: Json;
}

/** Runs a batch, up to a number of epochs at most, where its process "dies"; tells who went on from where. */
async function runBatch(
  stage: Stage,
  instances: readonly Instance[],
  { run, until = Number.POSITIVE_INFINITY }: { readonly run: string; readonly until?: number },
): Promise<string[]> {
  const resumed: string[] = [];
  const members = instances.map(({ name, params }): BatchMember => {
    const [outs, resume] = [join(folder, run, name), join(folder, `${run}-resume`, name)];
    for (const path of [outs, resume]) mkdirSync(path, { recursive: true });
    return {
      ...fakeContext(outs, params, { data: [{ path: join(folder, "data"), instance: {} }] }),
      platform: { device: "onnx:cpu" },
      resume,
      log: (line) => void (line.startsWith("goes on") && resumed.push(`${name} ${line}`)),
      progress({ done }) {
        if (done >= until) throw new Error("killed");
      },
      settle: async (work) => {
        await work();
      },
    };
  });
  const ended = stage.runBatch!(members);
  if (until === Number.POSITIVE_INFINITY) await ended;
  else await expect(ended).rejects.toThrow("killed");
  return resumed;
}

function bytesOf(run: string, { name }: Instance): Record<string, string> {
  const outs = join(folder, run, name);
  return Object.fromEntries(readdirSync(outs).map((out) => [out, readFileSync(join(outs, out)).toString("base64")]));
}

const instance = (name: string, params: object): Instance => ({
  name,
  params: { network: NETWORK, ...params } as Json,
});

/** Killed twice, in changing company, and then left to end. */
async function interrupted(stage: Stage, [a, b, c, d]: readonly Instance[], stops: readonly [number, number]) {
  expect(await runBatch(stage, [a!, b!, c!], { run: stage === train ? "t" : "m", until: stops[0] })).toEqual([]);
  const second = await runBatch(stage, [c!, d!, a!], { run: stage === train ? "t" : "m", until: stops[1] });
  const third = await runBatch(stage, [a!, b!, c!, d!], { run: stage === train ? "t" : "m" });
  return { second, third };
}

describe("a killed batch goes on to the same bytes, with members at different epochs", () => {
  it("train: every epoch's θ, records and accuracies", async () => {
    const all = [0.05, 0.4, 0.9, 2].map((eta, i) => instance(`t${i}`, { eta, seed: i, epochs: 260 }));
    await runBatch(train, all, { run: "whole" });
    const { second, third } = await interrupted(train, all, [130, 220]);
    // States every 50 epochs: the newcomer, and who was not there, is behind.
    expect(second).toEqual(["t2 goes on from epoch 100", "t0 goes on from epoch 100"]);
    expect(third.slice(0, 2)).toEqual(["t0 goes on from epoch 200", "t1 goes on from epoch 100"]);
    for (const one of all) expect(bytesOf("t", one)).toEqual(bytesOf("whole", one));
  });

  it("model and reduction: thinned checkpoints, and runs that had ended before the kill", async () => {
    const models = [0.002, 0.01, 1e4, 0.05].map((eta, seed) =>
      instance(`m${seed}`, { eta, seed, epochs: 2300, span: 1 }),
    );
    await runBatch(model, models, { run: "whole" });
    const { second, third } = await interrupted(model, models, [1200, 2000]);
    expect(second).toEqual(["m0 goes on from epoch 1000"]);
    // The one that diverged has no state, and diverges again at once.
    expect(third.some((line) => line.startsWith("m2"))).toBe(false);
    for (const one of models) expect(bytesOf("m", one)).toEqual(bytesOf("whole", one));

    const reduced = [30, 400, 700, 1100].map((at, seed) =>
      instance(`r${at}`, { before: 0.02, at, after: 0.005, seed, epochs: 1700, stride: 20, kept: 8 }),
    );
    await runBatch(reduction, reduced, { run: "whole" });
    await interrupted(reduction, reduced, [800, 1600]);
    for (const one of reduced) expect(bytesOf("m", one)).toEqual(bytesOf("whole", one));
  });
});

describe("openResume", () => {
  const tensors = (value: number) =>
    ({ x: { dtype: "f32", shape: [2], data: Float32Array.of(value, -value) } }) as const;
  const saved = (step: number, epochs: readonly number[]): Saved => ({
    state: tensors(step),
    about: { step, third: 1 / 3 },
    kept: epochs.map((epoch) => ({ epoch, tensors: tensors(epoch) })),
  });
  const fresh = (name: string): string => {
    mkdirSync(join(folder, name));
    return join(folder, name);
  };

  it("gives back what was saved last, and drops what is kept no longer", () => {
    const path = fresh("kept");
    const resume = openResume(path);
    expect(resume.load()).toBeUndefined();
    resume.save(saved(1, [0, 20]));
    resume.save(saved(2, [0, 20, 40]));
    expect(openResume(path).load()).toEqual(saved(2, [0, 20, 40]));
    const next = openResume(path);
    next.load();
    next.save(saved(3, [0, 40]));
    expect(openResume(path).load()).toEqual(saved(3, [0, 40]));
    expect(readdirSync(path).sort()).toEqual(["kept-0.safetensors", "kept-40.safetensors", "state.safetensors"]);
  });

  it("is at the state before, whichever file of a save was the last to be written", () => {
    const path = fresh("torn");
    openResume(path).save(saved(1, [0]));
    // Of the next save: a checkpoint alone, and half a state under its other name.
    writeSafetensors(join(path, "kept-20.safetensors"), tensors(999));
    writeFileSync(join(path, "partial"), "half");
    const resume = openResume(path);
    expect(resume.load()).toEqual(saved(1, [0]));
    resume.save(saved(2, [0, 20]));
    expect(openResume(path).load()).toEqual(saved(2, [0, 20]));
    expect(existsSync(join(path, "partial"))).toBe(false);
  });

  it("starts from nothing where a file is broken or missing, and without a folder", () => {
    const path = fresh("broken");
    openResume(path).save(saved(1, [0, 20]));
    rmSync(join(path, "kept-20.safetensors"));
    expect(openResume(path).load()).toBeUndefined();
    openResume(path).save(saved(2, [0]));
    writeFileSync(join(path, "state.safetensors"), "broken");
    expect(openResume(path).load()).toBeUndefined();
    const nowhere = openResume(undefined);
    nowhere.save(saved(1, [0]));
    expect(nowhere.load()).toBeUndefined();
  });
});
