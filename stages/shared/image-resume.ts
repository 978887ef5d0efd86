import type { FloatArray } from "../../src/numerics/float-array.ts";
import type { ImageCheckpoint, ImageTrainingOptions, ImageTrainingState } from "../../src/numerics/image-training.ts";
import { openResume, type Saved, type Tensors } from "./resume.ts";

/** Where a training of an image network was when its process was killed, and how to save where it is. */
export interface ImageResume {
  readonly from: ImageTrainingState | undefined;
  save(state: ImageTrainingState): void;
}

interface Position {
  readonly epoch: number;
  readonly recent: number;
  readonly reducedAt: number | null;
  readonly stride: number;
  readonly count: number;
}

/** In `context.resume` (stages declared with `resume: true`); without a folder nothing is saved and nothing found. */
export function openImageResume(folder: string | undefined): ImageResume {
  const resume = openResume(folder);
  const saved = resume.load();
  return {
    from: saved === undefined ? undefined : stateOf(saved),
    save: (state) => resume.save(savedOf(state)),
  };
}

/** A state is due when the last one has been saved for `milliseconds`, or the training began then. */
export function savedBy(
  milliseconds: number,
  save: ImageResume["save"],
  now: () => number = () => performance.now(),
): Required<Pick<ImageTrainingOptions, "isDue" | "onState">> {
  let last = now();
  return {
    isDue: () => now() - last >= milliseconds,
    onState(state) {
      save(state);
      last = now();
    },
  };
}

function savedOf({ run, statistics, reducedAt, checkpoints }: ImageTrainingState): Saved {
  const { epoch, recent } = run;
  const { stride, count } = checkpoints;
  return {
    about: { epoch, recent, reducedAt, stride, count } satisfies Position,
    state: {
      theta: vector(run.theta),
      statistics: vector(statistics),
      loss: vector(run.loss),
      accuracy: vector(run.accuracy),
      gradientNorm: vector(run.gradientNorm),
    },
    kept: checkpoints.kept.map((checkpoint) => ({
      epoch: checkpoint.epoch,
      tensors: { theta: vector(checkpoint.theta), statistics: vector(checkpoint.statistics) },
    })),
  };
}

function stateOf({ state, about, kept }: Saved): ImageTrainingState {
  const { epoch, recent, reducedAt, stride, count } = about as unknown as Position;
  return {
    run: {
      epoch,
      recent,
      theta: floatsOf(state, "theta"),
      loss: doublesOf(state, "loss"),
      accuracy: doublesOf(state, "accuracy"),
      gradientNorm: doublesOf(state, "gradientNorm"),
    },
    statistics: doublesOf(state, "statistics"),
    reducedAt,
    checkpoints: {
      stride,
      count,
      kept: kept.map(
        (checkpoint): ImageCheckpoint => ({
          epoch: checkpoint.epoch,
          theta: floatsOf(checkpoint.tensors, "theta"),
          statistics: doublesOf(checkpoint.tensors, "statistics"),
        }),
      ),
    },
  };
}

const vector = (data: FloatArray) =>
  ({ dtype: data instanceof Float32Array ? "f32" : "f64", shape: [data.length], data }) as const;

const floatsOf = (tensors: Tensors, name: string): FloatArray => tensors[name]!.data as FloatArray;

const doublesOf = (tensors: Tensors, name: string): Float64Array => tensors[name]!.data as Float64Array;
