import type { TensorData } from "../programs/tensor.ts";
import type { DeviceTensor, Executable } from "../runtimes/runtime.ts";
import type { FloatArray } from "./float-array.ts";
import { type LearningRate, rateAt } from "./learning-rate.ts";
import type { Objective } from "./objective.ts";
import { STATS_PER_STEP, stepProgram } from "./step-program.ts";

export interface Replica {
  /** θ at `firstEpoch`, `[P]`. */
  readonly theta: FloatArray;
  readonly rate: LearningRate;
}

export interface GradientDescentOptions {
  /** Epochs at most: records run from `firstEpoch` to `firstEpoch + epochs`. */
  readonly epochs: number;
  /** The epoch of the initial θ. Default 0. */
  readonly firstEpoch?: number;
  /** A replica stops at the first epoch with a training accuracy above this. Default .9999 (PROTOCOL A.0). */
  readonly completeAbove?: number;
  /** Which epochs are handed to `onCheckpoint`. Default none. */
  readonly isCheckpoint?: (epoch: number) => boolean;
  /** Gets a copy of θ `[P]`, epoch by epoch for each replica. */
  readonly onCheckpoint?: (replica: number, epoch: number, theta: FloatArray) => void;
  /** Called now and then with the number of epochs behind. */
  readonly onProgress?: (epochs: number) => void;
  /** Epochs in one call of a program at most. No result depends on it. Default: see `windowOf`. */
  readonly stepsPerCall?: number;
}

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

/**
 * Full-batch gradient descent, θ ← θ − η∇L(θ), of R replicas at once. A replica's numbers depend on its θ and η alone, bit
 * for bit: not on the others, its place, threads, or on how many steps a program takes.
 */
export async function gradientDescent(
  objective: Objective,
  replicas: readonly Replica[],
  options: GradientDescentOptions,
): Promise<Run[]> {
  const { epochs, firstEpoch = 0 } = options;
  const recorders = replicas.map(() => createRecorder(options));
  const programs = createPrograms(objective);
  const wantsAny = options.onCheckpoint !== undefined && options.isCheckpoint !== undefined;
  const isCheckpoint = (epoch: number): boolean => wantsAny && options.isCheckpoint!(epoch);
  const window = windowOf(options, isCheckpoint, objective);

  // Which replica a row of θ holds. Rows of replicas that have ended idle (η = 0) until enough of them make a smaller
  // program worth its compilation.
  let rows: readonly (number | undefined)[] = replicas.map((_, index) => index);
  let theta = await stack(
    objective,
    replicas.map((replica) => replica.theta),
  );
  if (isCheckpoint(firstEpoch)) await report(theta, firstEpoch);

  for (let done = 0; rows.some((index) => index !== undefined); ) {
    const epoch = firstEpoch + done;
    // The last epoch is recorded too: one step more, whose θ nobody takes.
    const steps = Math.min(window, epochs + 1 - done);
    const wanted = Array.from({ length: steps }, (_, s) => done + s < epochs && isCheckpoint(epoch + s + 1));
    const keepAll = wanted.some(Boolean);
    const executable = await programs.get(rows.length, steps, keepAll);
    const rates = rateMatrix(
      objective,
      rows.map((index) => (index === undefined ? 0 : replicas[index]!.rate)),
      epoch,
      steps,
    );
    const outputs = await executable.runOnDevice([theta, objective.train.x, objective.train.y, rates]);
    const [stats, ...thetas] = outputs as [DeviceTensor, ...DeviceTensor[]];
    record((await stats.read()).data, epoch, steps);
    for (const [s, isWanted] of wanted.entries()) if (isWanted) await report(thetas[s]!, epoch + s + 1);

    const ended: number[] = [];
    for (const [row, index] of rows.entries()) {
      const recorder = index === undefined ? undefined : recorders[index]!;
      if (recorder?.ending === undefined) continue;
      const offset = recorder.ending.epoch - epoch;
      if (offset === 0) recorder.theta = await readRow(theta, row);
      else recorder.theta = keepAll ? await readRow(thetas[offset - 1]!, row) : await replay(row, epoch, offset);
      ended.push(row);
    }
    done += steps;
    options.onProgress?.(Math.min(done, epochs));
    const next = thetas.at(-1)!;
    dispose(theta, ...outputs.filter((output) => output !== next));
    theta = next;
    if (ended.length > 0) {
      rows = rows.map((index, row) => (ended.includes(row) ? undefined : index));
      await compact();
    }
  }
  dispose(theta);
  await programs.dispose();
  return recorders.map((recorder) => recorder.finish());

  /** What `steps` steps from `epoch` on said of each running replica. */
  function record(stats: TensorData, epoch: number, steps: number): void {
    for (const [row, index] of rows.entries()) {
      if (index === undefined) continue;
      const recorder = recorders[index]!;
      for (let s = 0; s < steps && recorder.ending === undefined; s++) {
        const at = (row * steps + s) * STATS_PER_STEP;
        const [loss, correct, squaredGradient, squaredTheta] = stats.subarray(at, at + STATS_PER_STEP);
        recorder.add(epoch + s, loss!, correct! / objective.train.count, squaredGradient!, squaredTheta!);
        if (epoch + s === firstEpoch + epochs) recorder.ending ??= { reason: "epochs", epoch: epoch + s };
      }
    }
  }

  /** Hands θ at `epoch` to the caller, for the replicas that have come so far. */
  async function report(output: DeviceTensor, epoch: number): Promise<void> {
    const { data } = await output.read();
    for (const [row, index] of rows.entries()) {
      const ending = index === undefined ? undefined : recorders[index]!.ending;
      if (index === undefined || (ending !== undefined && ending.epoch < epoch)) continue;
      options.onCheckpoint!(index, epoch, rowOf(data as FloatArray, row, objective.numParams));
    }
  }

  /** Drops idle rows once they are a quarter of all. */
  async function compact(): Promise<void> {
    const kept = rows.flatMap((index, row) => (index === undefined ? [] : [row]));
    if (kept.length === 0 || kept.length > 0.75 * rows.length) return;
    const { data } = await theta.read();
    dispose(theta);
    theta = await stack(
      objective,
      kept.map((row) => rowOf(data as FloatArray, row, objective.numParams)),
    );
    rows = kept.map((row) => rows[row]);
  }

  /** θ of one replica some steps into the window that has just run: the same steps again, alone. */
  async function replay(row: number, epoch: number, steps: number): Promise<FloatArray> {
    const executable = await programs.get(1, steps, false);
    const rates = rateMatrix(objective, [replicas[rows[row]!]!.rate], epoch, steps);
    const start = await stack(objective, [await readRow(theta, row)]);
    const outputs = await executable.runOnDevice([start, objective.train.x, objective.train.y, rates]);
    const result = await readRow(outputs[1]!, 0);
    dispose(start, ...outputs);
    return result;
  }
}

interface Recorder {
  ending: Ending | undefined;
  theta: FloatArray | undefined;
  add(epoch: number, loss: number, accuracy: number, squaredGradient: number, squaredTheta: number): void;
  finish(): Run;
}

function createRecorder({ completeAbove = 0.9999, firstEpoch = 0 }: GradientDescentOptions): Recorder {
  const [losses, accuracies, norms]: [number[], number[], number[]] = [[], [], []];
  let recent = 0;
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
    finish: () => ({
      firstEpoch,
      loss: Float64Array.from(losses),
      accuracy: Float64Array.from(accuracies),
      gradientNorm: Float64Array.from(norms),
      ending: recorder.ending!,
      theta: recorder.theta!,
    }),
  };
  return recorder;
}

/** Compiled step programs by replicas, steps and outputs. */
function createPrograms(objective: Objective): {
  get(replicas: number, steps: number, keepAll: boolean): Promise<Executable>;
  dispose(): Promise<void>;
} {
  const known = new Map<string, Executable>();
  return {
    async get(replicas, steps, keepAll) {
      const key = `${replicas}/${steps}/${keepAll}`;
      let executable = known.get(key);
      if (executable === undefined) {
        const program = stepProgram(objective.gradientProgram(replicas), steps, keepAll);
        executable = await objective.runtime.compile(program);
        known.set(key, executable);
      }
      return executable;
    },
    async dispose() {
      for (const executable of known.values()) await executable.dispose();
    },
  };
}

/** Steps in one program: `stepsPerCall`, else WINDOW where no checkpoint is wanted in between, else one. */
function windowOf(
  { stepsPerCall, epochs, firstEpoch = 0 }: GradientDescentOptions,
  isCheckpoint: (epoch: number) => boolean,
  objective: Objective,
): number {
  if (stepsPerCall !== undefined) return stepsPerCall;
  for (let epoch = firstEpoch + 1; epoch <= firstEpoch + Math.min(epochs, WINDOW); epoch++)
    if (isCheckpoint(epoch)) return 1;
  return objective.runtime.name === "reference" ? 1 : WINDOW;
}

const WINDOW = 10;

function rateMatrix(objective: Objective, rates: readonly LearningRate[], epoch: number, steps: number) {
  const values = rates.flatMap((rate) => Array.from({ length: steps }, (_, s) => rateAt(rate, epoch + s)));
  const data = objective.float === "f32" ? Float32Array.from(values) : Float64Array.from(values);
  return { dtype: objective.float, shape: [rates.length, steps], data } as const;
}

function stack(objective: Objective, rows: readonly FloatArray[]): Promise<DeviceTensor> {
  const { numParams, float } = objective;
  const size = rows.length * numParams;
  const data = float === "f32" ? new Float32Array(size) : new Float64Array(size);
  rows.forEach((row, i) => {
    data.set(row, i * numParams);
  });
  return objective.runtime.upload({ dtype: float, shape: [rows.length, numParams], data });
}

async function readRow(tensor: DeviceTensor, row: number): Promise<FloatArray> {
  const { data } = await tensor.read();
  return rowOf(data as FloatArray, row, tensor.shape[1]!);
}

const rowOf = (data: FloatArray, row: number, length: number): FloatArray =>
  data.slice(row * length, (row + 1) * length);

function dispose(...tensors: readonly DeviceTensor[]): void {
  for (const tensor of tensors) tensor.dispose();
}
