import { mlp } from "../../src/numerics/networks.ts";
import { makeObjective, type Objective } from "../../src/numerics/objective.ts";
import type { Samples } from "../../src/numerics/samples.ts";
import type { TensorData } from "../../src/programs/tensor.ts";
import type { DeviceName, Runtime } from "../../src/runtimes/runtime.ts";
import { type BatchStage, type StageContext, StageError } from "../../src/stage.ts";
import { createRuntimes } from "./runtimes.ts";
import { metadataOf, tensorOf } from "./tensors.ts";

/** As many test samples as the paper has; larger test sets are a split of their own. */
export const PAPER_TEST_SAMPLES = 200;

/**
 * The objective of an MLP on an instance's dep `data`, on the device that the platform found. Splits: `train`, `test` (the
 * paper's first 200 test samples) and, where there are more, `all` of them. Instances of one network and data share one,
 * and with it the compiled programs.
 */
export type Objectives = (
  context: StageContext,
  widths: readonly number[],
  options?: ObjectiveOptions,
) => Promise<Objective>;

export interface ObjectiveOptions {
  /** In float64: where the device computes in float32 alone, on the CPU instead. Default: what the device is best at. */
  readonly isDouble?: boolean;
}

/** Runs `use` with objectives, opened when first asked for and disposed at the end. */
export async function withObjectives<T>(use: (objectives: Objectives) => Promise<T>): Promise<T> {
  const runtimes = createRuntimes();
  const opened = new Map<string, Objective>();
  const open: Objectives = async (context, widths, { isDouble = false } = {}) => {
    const wanted = context.platform.device as DeviceName;
    const { path } = context.dep("data");
    const identity = JSON.stringify([wanted, path, widths, isDouble]);
    const known = opened.get(identity);
    if (known !== undefined) return known;
    const runtime = await runtimes.open(isDouble ? doubleDevices(wanted) : [wanted]);
    const objective = await openObjective(runtime, widths, path, isDouble ? { float: "f64" } : {});
    opened.set(identity, objective);
    return objective;
  };
  try {
    return await use(open);
  } finally {
    for (const objective of opened.values()) await objective.dispose();
    await runtimes.dispose();
  }
}

/** Runs `use` with the objective of one instance. */
export function withObjective<T>(
  context: StageContext,
  widths: readonly number[],
  use: (objective: Objective) => Promise<T>,
): Promise<T> {
  return withObjectives(async (objectives) => use(await objectives(context, widths)));
}

/** A stage whose instances take turns in a process, and share what `withObjectives` opens. */
export function inTurn(run: (context: StageContext, objectives: Objectives) => Promise<void>): BatchStage {
  return {
    runBatch: (members) =>
      withObjectives(async (objectives) => {
        for (const member of members) await member.settle(() => run(member, objectives));
      }),
  };
}

/** Devices that compute in float64, the wanted one first if it does: GPUs and TensorFlow.js have float32 alone. */
function doubleDevices(wanted: DeviceName): readonly DeviceName[] {
  return wanted === "reference:cpu" ? [wanted] : ["onnx:cpu", "reference:cpu"];
}

async function openObjective(
  runtime: Runtime,
  widths: readonly number[],
  path: string,
  options: { readonly float?: "f64" },
): Promise<Objective> {
  const network = mlp(widths);
  const splits = readSplits(path);
  const [count] = splits.train.inputs.shape;
  const features = splits.train.inputs.data.length / count!;
  if (features !== network.inputShape[0])
    throw new StageError(
      `the data have ${features} features, the network takes ${network.inputShape[0]}`,
      "make the first of the network's widths that number",
    );
  return makeObjective(runtime, network, splits, options);
}

function readSplits(path: string): { readonly train: Samples; readonly test: Samples; readonly all?: Samples } {
  const { mean, std } = metadataOf(path);
  const normalisation = { mean: Number(mean), std: Number(std) };
  const test = readSamples(path, "test", normalisation);
  const count = test.labels.length;
  return {
    train: readSamples(path, "train", normalisation),
    test: firstSamples(test, PAPER_TEST_SAMPLES),
    ...(count > PAPER_TEST_SAMPLES ? { all: test } : {}),
  };
}

function readSamples(
  path: string,
  split: string,
  normalisation: { readonly mean: number; readonly std: number },
): Samples {
  const { shape, data } = tensorOf(path, `${split}.images`, { dtype: "u8" });
  const labels = tensorOf(path, `${split}.labels`, { dtype: "u8" }).data as Uint8Array;
  return { inputs: { dtype: "u8", shape, data: data as TensorData }, labels, normalisation };
}

function firstSamples({ inputs, labels, normalisation }: Samples, wanted: number): Samples {
  const [total = 0, ...features] = inputs.shape;
  const count = Math.min(wanted, total);
  return {
    inputs: {
      ...inputs,
      shape: [count, ...features],
      data: inputs.data.subarray(0, (inputs.data.length / total) * count),
    },
    labels: labels.subarray(0, count),
    ...(normalisation === undefined ? {} : { normalisation }),
  };
}
