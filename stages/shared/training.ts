import type { FloatArray } from "../../src/numerics/float-array.ts";
import { gradientDescent } from "../../src/numerics/gradient-descent.ts";
import type { LearningRate } from "../../src/numerics/learning-rate.ts";
import type { Objective } from "../../src/numerics/objective.ts";
import type { Run, RunState } from "../../src/numerics/recorder.ts";
import type { Checkpoint } from "../../src/numerics/spectrum.ts";
import { createThinned, type Thinned, type ThinnedState } from "../../src/numerics/thinned.ts";
import type { StageContext } from "../../src/stage.ts";
import { openResume, type Resume, type Saved } from "./resume.ts";

export interface Training {
  readonly context: StageContext;
  /** Initial θ `[P]`. */
  readonly theta: FloatArray;
  readonly rate: LearningRate;
  /** The first epoch whose θ may be kept. Default 0. */
  readonly keepFrom?: number;
}

export interface TrainingOptions {
  /** Epochs at most. */
  readonly epochs: number;
  /** Epochs between candidates for a checkpoint. */
  readonly stride: number;
  /** Checkpoints kept of a run at most, evenly over it: half as many or more of a long one. Default all. */
  readonly capacity?: number;
  /** Epochs between saved states, where the stage is declared with `resume: true`. */
  readonly saveEvery: number;
}

export interface Trained {
  readonly run: Run;
  readonly kept: readonly Checkpoint[];
}

/**
 * Trains instances as replicas of one program, each from where it was when a process of its was killed. They may be at
 * different epochs, and others than those that were together before: an instance's bits depend on nothing but itself.
 */
export async function trainTogether(
  objective: Objective,
  trainings: readonly Training[],
  { epochs, stride, capacity = Number.POSITIVE_INFINITY, saveEvery }: TrainingOptions,
): Promise<Trained[]> {
  const members = trainings.map((training) => {
    const resume = openResume(training.context.resume);
    const saved = resume.load();
    const from = saved === undefined ? undefined : runStateOf(saved);
    if (from !== undefined) training.context.log(`goes on from epoch ${from.epoch}`);
    return { ...training, resume, from, kept: createThinned<Checkpoint>(capacity, saved && keptOf(saved)) };
  });
  const runs = await gradientDescent(
    objective,
    members.map(({ theta, rate, from }) => ({ theta, rate, ...(from === undefined ? {} : { from }) })),
    {
      epochs,
      isCheckpoint: (epoch) => epoch % stride === 0,
      onCheckpoint(replica, epoch, theta) {
        const { kept, keepFrom = 0 } = members[replica]!;
        if (epoch >= keepFrom) kept.add({ epoch, theta });
      },
      // They advance together: the first speaks for all.
      onProgress: (done) => trainings[0]!.context.progress({ done, total: epochs, unit: "epochs" }),
      ...(trainings.some(({ context }) => context.resume !== undefined) ? { saveEvery } : {}),
      onState: (replica, state) => save(members[replica]!, state, objective.float),
    },
  );
  return runs.map((run, i) => ({ run, kept: members[i]!.kept.values() }));
}

interface Position {
  readonly epoch: number;
  readonly recent: number;
  readonly stride: number;
  readonly count: number;
}

function save(
  { resume, kept }: { readonly resume: Resume; readonly kept: Thinned<Checkpoint> },
  { epoch, recent, theta, ...records }: RunState,
  float: "f32" | "f64",
): void {
  const vector = (data: FloatArray, dtype: "f32" | "f64") => ({ dtype, shape: [data.length], data });
  const thinned = kept.state();
  const about = { epoch, recent, stride: thinned.stride, count: thinned.count } satisfies Position;
  resume.save({
    state: {
      theta: vector(theta, float),
      loss: vector(records.loss, "f64"),
      accuracy: vector(records.accuracy, "f64"),
      gradientNorm: vector(records.gradientNorm, "f64"),
    },
    about,
    kept: thinned.kept.map((checkpoint) => ({
      epoch: checkpoint.epoch,
      tensors: { theta: vector(checkpoint.theta, float) },
    })),
  });
}

function runStateOf({ state, about }: Saved): RunState {
  const { epoch, recent } = about as unknown as Position;
  const records = (name: string): Float64Array => state[name]!.data as Float64Array;
  return {
    epoch,
    recent,
    theta: state.theta!.data as FloatArray,
    loss: records("loss"),
    accuracy: records("accuracy"),
    gradientNorm: records("gradientNorm"),
  };
}

function keptOf({ about, kept }: Saved): ThinnedState<Checkpoint> {
  const { stride, count } = about as unknown as Position;
  return {
    stride,
    count,
    kept: kept.map(({ epoch, tensors }) => ({ epoch, theta: tensors.theta!.data as FloatArray })),
  };
}
