import type { Tensor } from "../programs/tensor.ts";
import type { FloatArray } from "./float-array.ts";
import type { Evaluation } from "./objective.ts";

/** What R replicas have of a pass over the ghost batches that is between two of them: all it takes to go on to the same bits. */
export interface PassState {
  /** Ghost batches behind. */
  readonly batches: number;
  /** Weighted losses and right samples so far, `[R]`. */
  readonly loss: Float64Array;
  readonly correct: Float64Array;
  /** Weighted gradients so far, `[R, P]`. */
  readonly gradient: Float64Array;
  /** Per replica, each ghost batch's `[S]`. */
  readonly statistics: readonly (readonly FloatArray[])[];
}

export interface PassOptions {
  /** Goes on from there; θ must be the same as then. */
  readonly from?: PassState;
  /** After each ghost batch but the last. `state` copies what there is. */
  readonly onBatch?: (batches: number, total: number, state: () => PassState) => void;
}

/** Sums of what programs say of batches, in double precision and in order, one for each of R replicas. */
export interface Tally {
  add(replica: number, weight: number, loss: Tensor, correct: Tensor): void;
  /** Of `samples` samples in all. */
  evaluation(samples: number): Evaluation;
  state(): Pick<PassState, "loss" | "correct">;
}

export function createTally(replicas: number, from?: Pick<PassState, "loss" | "correct">): Tally {
  const loss = from?.loss.slice() ?? new Float64Array(replicas);
  const correct = from?.correct.slice() ?? new Float64Array(replicas);
  return {
    add(replica, weight, batchLoss, batchCorrect) {
      loss[replica]! += weight * batchLoss.data[0]!;
      correct[replica]! += batchCorrect.data[0]!;
    },
    evaluation: (samples) => ({ loss, accuracy: correct.map((value) => value / samples) }),
    state: () => ({ loss: loss.slice(), correct: correct.slice() }),
  };
}

/** Weighted sums of vectors in double precision, one for each row. */
export function createSums(rows: number, length: number, from?: Float64Array) {
  const values = from?.slice() ?? new Float64Array(rows * length);
  return {
    values,
    add(row: number, weight: number, { data }: Tensor) {
      const offset = row * length;
      for (let i = 0; i < length; i++) values[offset + i]! += weight * data[i]!;
    },
  };
}
