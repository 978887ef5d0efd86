import type { FloatArray } from "./float-array.ts";

/** How a run ended, at which epoch (the last one recorded). */
export interface Ending {
  /** `complete`: nearly all training samples are right. `epochs`: the limit. `diverged`: a result, not an error. */
  readonly reason: "complete" | "diverged" | "epochs";
  readonly epoch: number;
}

/** One replica's run. Arrays have one entry for each epoch from `firstEpoch` to `ending.epoch`, of θ at that epoch. */
export interface Run {
  readonly firstEpoch: number;
  readonly loss: Float64Array;
  readonly accuracy: Float64Array;
  readonly gradientNorm: Float64Array;
  readonly ending: Ending;
  /** θ at `ending.epoch`, `[P]`. */
  readonly theta: FloatArray;
}

/** Where a run is: all that it takes to go on to the same bits, as plain data. */
export interface RunState {
  /** Of θ. It is not recorded yet. */
  readonly epoch: number;
  /** `[P]` */
  readonly theta: FloatArray;
  /** One entry for each epoch from the run's first to the one before `epoch`, here and below. */
  readonly loss: Float64Array;
  readonly accuracy: Float64Array;
  readonly gradientNorm: Float64Array;
  /** The recent accuracies' sum as it was added up: another order of additions has other bits. */
  readonly recent: number;
}

/**
 * Chance alone is right on a tenth: less than this on average over `STUCK_EPOCHS` counts as diverged (PROTOCOL A.0), unless
 * the loss has fallen meanwhile, as it does in slow runs that have only begun.
 */
const STUCK_BELOW = 0.11;
const STUCK_EPOCHS = 100;
const FALLEN = 1e-3;
/**
 * Beyond these a run is lost. Devices may turn NaN and infinity into numbers, so size tells and not NaN alone
 * (ONNX-RUNTIME.md, "WebGPU"); squares of parameters overflow float32 well above.
 */
const LOSS_LIMIT = 1e6;
const SQUARED_NORM_LIMIT = 1e30;

export interface RecorderOptions {
  /** A run stops at the first epoch with a training accuracy above this. Default .9999 (PROTOCOL A.0). */
  readonly completeAbove?: number;
  /** The epoch of the first record. Default 0. */
  readonly firstEpoch?: number;
  /** Goes on from there. */
  readonly from?: RunState;
}

/** Takes down a run epoch by epoch, and decides where it ends. */
export interface Recorder {
  /** Set by `add`, or by the caller at its limit of epochs. */
  ending: Ending | undefined;
  /** Set by the caller: θ at the ending. */
  theta: FloatArray | undefined;
  add(epoch: number, loss: number, accuracy: number, squaredGradient: number, squaredTheta: number): void;
  /** θ at `epoch`, the one after the last record. */
  state(epoch: number, theta: FloatArray): RunState;
  finish(): Run;
}

export function createRecorder({ completeAbove = 0.9999, firstEpoch = 0, from }: RecorderOptions = {}): Recorder {
  const losses = [...(from?.loss ?? [])];
  const accuracies = [...(from?.accuracy ?? [])];
  const norms = [...(from?.gradientNorm ?? [])];
  let recent = from?.recent ?? 0;
  const records = () => ({
    loss: Float64Array.from(losses),
    accuracy: Float64Array.from(accuracies),
    gradientNorm: Float64Array.from(norms),
  });
  const recorder: Recorder = {
    ending: undefined,
    theta: undefined,
    add(epoch, loss, accuracy, squaredGradient, squaredTheta) {
      losses.push(loss);
      accuracies.push(accuracy);
      norms.push(Math.sqrt(squaredGradient));
      recent += accuracy - (accuracies[accuracies.length - 1 - STUCK_EPOCHS] ?? 0);
      const isLost =
        !(Math.abs(loss) <= LOSS_LIMIT) ||
        !(squaredGradient <= SQUARED_NORM_LIMIT) ||
        !(squaredTheta <= SQUARED_NORM_LIMIT);
      const before = losses[losses.length - STUCK_EPOCHS];
      const isStuck = before !== undefined && recent / STUCK_EPOCHS < STUCK_BELOW && loss > (1 - FALLEN) * before;
      if (isLost || isStuck) recorder.ending = { reason: "diverged", epoch };
      else if (accuracy > completeAbove) recorder.ending = { reason: "complete", epoch };
    },
    state: (epoch, theta) => ({ epoch, theta, ...records(), recent }),
    finish: () => ({ firstEpoch, ...records(), ending: recorder.ending!, theta: recorder.theta! }),
  };
  return recorder;
}
