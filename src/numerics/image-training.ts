import { dot } from "./basis.ts";
import { type FloatArray, toFloats } from "./float-array.ts";
import type { PassState } from "./ghost-sums.ts";
import type { ImageObjective } from "./image-objective.ts";
import { createRecorder, type Run, type RunState } from "./recorder.ts";
import { initialStatistics, updateStatistics } from "./running-statistics.ts";
import { createThinned, type ThinnedState } from "./thinned.ts";

/** Where a training begins: at its initialisation, or where another one was. */
export interface ImageStart {
  /** `[P]` */
  readonly theta: FloatArray;
  /** Running statistics `[S]` after the pass at `firstEpoch`, as a checkpoint has them. Default: none was taken up yet. */
  readonly statistics?: FloatArray;
  /** Default 0. */
  readonly firstEpoch?: number;
}

export interface ImageSchedule {
  readonly eta: number;
  /** The rate rises to η in so many equal steps: the step from θ_t takes min(1, (t + 1)/warmup) of it. Default 100 (PROTOCOL A.0). */
  readonly warmup?: number;
  /**
   * From some epoch on the rate is `to`: from `atEpoch`, or from the first epoch whose training accuracy is at least
   * `atAccuracy`.
   */
  readonly reduce?:
    | { readonly to: number; readonly atEpoch: number }
    | { readonly to: number; readonly atAccuracy: number };
}

export interface ImageCheckpoint {
  readonly epoch: number;
  /** θ at `epoch`, `[P]`. */
  readonly theta: FloatArray;
  /** Running statistics `[S]` after the pass at `epoch`. */
  readonly statistics: Float64Array;
}

/** All that it takes to go on to the same bits, as plain data. */
export interface ImageTrainingState {
  readonly run: RunState;
  /** `[S]`, without the pass at `run.epoch`. */
  readonly statistics: Float64Array;
  readonly reducedAt: number | null;
  readonly checkpoints: ThinnedState<ImageCheckpoint>;
  /** Of the pass at `run.epoch`, where it had begun. */
  readonly pass?: PassState;
}

export interface ImageTrainingOptions {
  /** Epochs at most: records run from the first to `firstEpoch + epochs`. */
  readonly epochs: number;
  /** Default .9999. */
  readonly completeAbove?: number;
  /** Checkpoints kept at most, evenly over the epochs: half as many or more of a long run. Default 16. */
  readonly checkpoints?: number;
  /** Goes on from there; `start` must be the same as then. */
  readonly from?: ImageTrainingState;
  /**
   * Asked after each ghost batch and each step: whether the state is handed to `onState` now. Bits do not depend on the
   * answer. Default never.
   */
  readonly isDue?: () => boolean;
  readonly onState?: (state: ImageTrainingState) => void;
  /** After each ghost batch of the pass at an epoch but its last. */
  readonly onBatch?: (epoch: number, batches: number, total: number) => void;
  /** After each epoch, with what was recorded of it. */
  readonly onEpoch?: (epoch: number, loss: number, accuracy: number) => void;
}

export interface ImageRun extends Run {
  /** Running statistics `[S]` after the pass at the ending, which evaluate `theta`. */
  readonly statistics: Float64Array;
  /** The first epoch whose step took the reduced rate; null where none did. */
  readonly reducedAt: number | null;
  readonly checkpoints: readonly ImageCheckpoint[];
}

/**
 * Full-batch gradient descent on a ghost loss, θ ← θ − η_t∇L(θ), one training. Each epoch is one pass over the ghost
 * batches in their order, in which the running statistics take up each of them.
 */
export async function trainImages(
  objective: ImageObjective,
  start: ImageStart,
  schedule: ImageSchedule,
  options: ImageTrainingOptions,
): Promise<ImageRun> {
  const { epochs, from, isDue, onState } = options;
  const { firstEpoch = 0 } = start;
  const { network, float } = objective;
  const recorder = createRecorder({
    firstEpoch,
    ...(options.completeAbove === undefined ? {} : { completeAbove: options.completeAbove }),
    ...(from === undefined ? {} : { from: from.run }),
  });
  const kept = createThinned<ImageCheckpoint>(options.checkpoints ?? 16, from?.checkpoints);
  const statistics = Float64Array.from(from?.statistics ?? start.statistics ?? initialStatistics(network.channels));
  let theta = toFloats(from?.run.theta ?? start.theta, float);
  let reducedAt = from?.reducedAt ?? null;
  let begun = from?.pass;
  const saveIfDue = (epoch: number, passState?: () => PassState): void => {
    if (isDue?.() !== true) return;
    onState?.({
      run: recorder.state(epoch, theta),
      statistics: statistics.slice(),
      reducedAt,
      checkpoints: kept.state(),
      ...(passState === undefined ? {} : { pass: passState() }),
    });
  };

  for (let epoch = from?.run.epoch ?? firstEpoch; ; epoch++) {
    const pass = await objective.gradient(theta, {
      ...(begun === undefined ? {} : { from: begun }),
      onBatch(batches, total, state) {
        options.onBatch?.(epoch, batches, total);
        saveIfDue(epoch, state);
      },
    });
    begun = undefined;
    const isTakenUp = epoch === firstEpoch && start.statistics !== undefined;
    if (!isTakenUp) for (const measured of pass.statistics[0]!) updateStatistics(statistics, measured);
    const [loss, accuracy] = [pass.loss[0]!, pass.accuracy[0]!];
    recorder.add(epoch, loss, accuracy, dot(pass.grad, pass.grad), dot(theta, theta));
    kept.add({ epoch, theta, statistics: statistics.slice() });
    options.onEpoch?.(epoch, loss, accuracy);
    if (epoch === firstEpoch + epochs) recorder.ending ??= { reason: "epochs", epoch };
    if (recorder.ending !== undefined) break;
    if (reducedAt === null && reducesAt(schedule, epoch, accuracy)) reducedAt = epoch;
    theta = stepped(theta, pass.grad, rateOf(schedule, epoch, reducedAt !== null));
    saveIfDue(epoch + 1);
  }
  recorder.theta = theta;
  return { ...recorder.finish(), statistics, reducedAt, checkpoints: kept.values() };
}

function reducesAt({ reduce }: ImageSchedule, epoch: number, accuracy: number): boolean {
  if (reduce === undefined) return false;
  return "atEpoch" in reduce ? epoch >= reduce.atEpoch : accuracy >= reduce.atAccuracy;
}

/** The rate of the step from θ at `epoch`. */
function rateOf({ eta, warmup = 100, reduce }: ImageSchedule, epoch: number, isReduced: boolean): number {
  const rate = isReduced ? reduce!.to : eta;
  return epoch + 1 < warmup ? (rate * (epoch + 1)) / warmup : rate;
}

/** A new array, rounded once: those that are kept do not change. */
function stepped(theta: FloatArray, gradient: FloatArray, rate: number): FloatArray {
  const next = theta.slice();
  for (let i = 0; i < next.length; i++) next[i] = theta[i]! - rate * gradient[i]!;
  return next;
}
