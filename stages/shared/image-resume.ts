import type { FloatArray } from "../../src/numerics/float-array.ts";
import type { PassState } from "../../src/numerics/ghost-sums.ts";
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
  /** Of the pass at `epoch`, ghost batches behind; 0 where it had not begun. */
  readonly batches: number;
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

function savedOf({ run, statistics, reducedAt, checkpoints, pass }: ImageTrainingState): Saved {
  const { epoch, recent } = run;
  const { stride, count } = checkpoints;
  return {
    about: { epoch, recent, reducedAt, stride, count, batches: pass?.batches ?? 0 } satisfies Position,
    state: {
      theta: vector(run.theta),
      statistics: vector(statistics),
      loss: vector(run.loss),
      accuracy: vector(run.accuracy),
      gradientNorm: vector(run.gradientNorm),
      ...(pass === undefined ? {} : tensorsOf(pass)),
    },
    kept: checkpoints.kept.map((checkpoint) => ({
      epoch: checkpoint.epoch,
      tensors: { theta: vector(checkpoint.theta), statistics: vector(checkpoint.statistics) },
    })),
  };
}

function stateOf({ state, about, kept }: Saved): ImageTrainingState {
  const { epoch, recent, reducedAt, stride, count, batches } = about as unknown as Position;
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
    ...(batches === 0 ? {} : { pass: passOf(state, batches) }),
  };
}

/** A training is one replica. */
function tensorsOf({ loss, correct, gradient, statistics: [each] }: PassState): Tensors {
  const single = each![0] instanceof Float32Array;
  const values = each!.flatMap((row) => [...row]);
  return {
    passLoss: vector(loss),
    passCorrect: vector(correct),
    passGradient: vector(gradient),
    passStatistics: vector(single ? Float32Array.from(values) : Float64Array.from(values)),
  };
}

function passOf(state: Tensors, batches: number): PassState {
  const statistics = floatsOf(state, "passStatistics");
  const size = statistics.length / batches;
  return {
    batches,
    loss: doublesOf(state, "passLoss"),
    correct: doublesOf(state, "passCorrect"),
    gradient: doublesOf(state, "passGradient"),
    statistics: [Array.from({ length: batches }, (_, i) => statistics.slice(i * size, (i + 1) * size))],
  };
}

const vector = (data: FloatArray) =>
  ({ dtype: data instanceof Float32Array ? "f32" : "f64", shape: [data.length], data }) as const;

const floatsOf = (tensors: Tensors, name: string): FloatArray => tensors[name]!.data as FloatArray;

const doublesOf = (tensors: Tensors, name: string): Float64Array => tensors[name]!.data as Float64Array;
