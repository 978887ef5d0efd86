import type { TensorData } from "../programs/tensor.ts";
import type { DeviceTensor, Executable } from "../runtimes/runtime.ts";
import { type FloatArray, floatArray } from "./float-array.ts";
import { type LearningRate, rateAt } from "./learning-rate.ts";
import type { Objective } from "./objective.ts";
import { createRecorder, type Run, type RunState } from "./recorder.ts";
import { STATS_PER_STEP, stepProgram } from "./step-program.ts";

export type { Ending, Run, RunState } from "./recorder.ts";

export interface Replica {
  /** θ at `firstEpoch`, `[P]`. */
  readonly theta: FloatArray;
  readonly rate: LearningRate;
  /** Goes on from there instead. Replicas may be at different epochs. */
  readonly from?: RunState;
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
  /** Epochs between calls of `onState`, at least. Default: it is never called. */
  readonly saveEvery?: number;
  /** Gets each running replica's state, after all checkpoints up to it: `from` of a run that goes on later. */
  readonly onState?: (replica: number, state: RunState) => void;
  /** Called now and then with the number of epochs behind. */
  readonly onProgress?: (epochs: number) => void;
  /** Epochs in one call of a program at most. No result depends on it. Default: see `windowOf`. */
  readonly stepsPerCall?: number;
}

/**
 * Full-batch gradient descent, θ ← θ − η∇L(θ), of R replicas at once. A replica's numbers depend on its θ and η alone, bit
 * for bit: not on the others, its place, threads, or on how many steps a program takes.
 */
export async function gradientDescent(
  objective: Objective,
  replicas: readonly Replica[],
  options: GradientDescentOptions,
): Promise<Run[]> {
  const { epochs, firstEpoch = 0, saveEvery = Number.POSITIVE_INFINITY } = options;
  const last = firstEpoch + epochs;
  const recorders = replicas.map(({ from }) => createRecorder({ ...options, ...(from === undefined ? {} : { from }) }));
  const programs = createPrograms(objective);
  const wantsAny = options.onCheckpoint !== undefined && options.isCheckpoint !== undefined;
  const isCheckpoint = (epoch: number): boolean => wantsAny && epoch <= last && options.isCheckpoint!(epoch);
  const window = windowOf(options, isCheckpoint, objective);

  // Which replica a row of θ holds. Rows of replicas that have ended idle (η = 0) until enough of them make a smaller
  // program worth its compilation.
  let rows: readonly (number | undefined)[] = replicas.map((_, index) => index);
  let theta = await stack(
    objective,
    replicas.map((replica) => replica.from?.theta ?? replica.theta),
  );
  let done = 0;
  let saved = 0;
  const running = (): number[] => rows.filter((index) => index !== undefined);
  /** Of a replica's θ, before the window's steps. */
  const epochOf = (index: number): number => (replicas[index]!.from?.epoch ?? firstEpoch) + done;
  // A state comes after its checkpoint.
  const isNew = (index: number): boolean => replicas[index]!.from === undefined;
  if (running().some(isNew) && isCheckpoint(firstEpoch)) await report(theta, 0, isNew);

  while (running().length > 0) {
    // The last epoch is recorded too: one step more, whose θ nobody takes.
    const steps = Math.min(window, Math.max(...running().map((index) => last + 1 - epochOf(index))));
    const wanted = Array.from({ length: steps }, (_, s) =>
      running().some((index) => isCheckpoint(epochOf(index) + s + 1)),
    );
    const keepAll = wanted.some(Boolean);
    const executable = await programs.get(rows.length, steps, keepAll);
    const rates = rateMatrix(
      objective,
      rows.map((index) => (index === undefined ? IDLE : { rate: replicas[index]!.rate, epoch: epochOf(index) })),
      steps,
    );
    const outputs = await executable.runOnDevice([theta, objective.train.x, objective.train.y, rates]);
    const [stats, ...thetas] = outputs as [DeviceTensor, ...DeviceTensor[]];
    record((await stats.read()).data, steps);
    for (const [s, isWanted] of wanted.entries()) if (isWanted) await report(thetas[s]!, s + 1);

    const ended: number[] = [];
    for (const [row, index] of rows.entries()) {
      const recorder = index === undefined ? undefined : recorders[index]!;
      if (recorder?.ending === undefined) continue;
      const offset = recorder.ending.epoch - epochOf(index!);
      if (offset === 0) recorder.theta = await readRow(theta, row);
      else recorder.theta = keepAll ? await readRow(thetas[offset - 1]!, row) : await replay(row, offset);
      ended.push(row);
    }
    const ahead = Math.max(...running().map(epochOf)) - firstEpoch;
    done += steps;
    options.onProgress?.(Math.min(ahead + steps, epochs));
    const next = thetas.at(-1)!;
    dispose(theta, ...outputs.filter((output) => output !== next));
    theta = next;
    if (ended.length > 0) {
      rows = rows.map((index, row) => (ended.includes(row) ? undefined : index));
      await compact();
    }
    if (done - saved >= saveEvery) await save();
  }
  dispose(theta);
  await programs.dispose();
  return recorders.map((recorder) => recorder.finish());

  /** What `steps` steps said of each running replica. */
  function record(stats: TensorData, steps: number): void {
    for (const [row, index] of rows.entries()) {
      if (index === undefined) continue;
      const recorder = recorders[index]!;
      for (let s = 0; s < steps && recorder.ending === undefined; s++) {
        const epoch = epochOf(index) + s;
        const at = (row * steps + s) * STATS_PER_STEP;
        const [loss, correct, squaredGradient, squaredTheta] = stats.subarray(at, at + STATS_PER_STEP);
        recorder.add(epoch, loss!, correct! / objective.train.count, squaredGradient!, squaredTheta!);
        if (epoch === last) recorder.ending ??= { reason: "epochs", epoch };
      }
    }
  }

  /** Hands θ after some steps of the window to the caller, for the replicas that have come so far. */
  async function report(output: DeviceTensor, steps: number, isMeant = (_: number) => true): Promise<void> {
    const { data } = await output.read();
    for (const [row, index] of rows.entries()) {
      if (index === undefined || !isMeant(index)) continue;
      const epoch = epochOf(index) + steps;
      const { ending } = recorders[index]!;
      if (!isCheckpoint(epoch) || (ending !== undefined && ending.epoch < epoch)) continue;
      options.onCheckpoint!(index, epoch, rowOf(data as FloatArray, row, objective.numParams));
    }
  }

  async function save(): Promise<void> {
    saved = done;
    if (options.onState === undefined || running().length === 0) return;
    const { data } = await theta.read();
    for (const [row, index] of rows.entries()) {
      if (index === undefined) continue;
      const own = rowOf(data as FloatArray, row, objective.numParams);
      options.onState(index, recorders[index]!.state(epochOf(index), own));
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
  async function replay(row: number, steps: number): Promise<FloatArray> {
    const index = rows[row]!;
    const executable = await programs.get(1, steps, false);
    const rates = rateMatrix(objective, [{ rate: replicas[index]!.rate, epoch: epochOf(index) }], steps);
    const start = await stack(objective, [await readRow(theta, row)]);
    const outputs = await executable.runOnDevice([start, objective.train.x, objective.train.y, rates]);
    const result = await readRow(outputs[1]!, 0);
    dispose(start, ...outputs);
    return result;
  }
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

interface RowRate {
  readonly rate: LearningRate;
  /** Of the window's first step. */
  readonly epoch: number;
}

const IDLE: RowRate = { rate: 0, epoch: 0 };

function rateMatrix(objective: Objective, rows: readonly RowRate[], steps: number) {
  const values = rows.flatMap(({ rate, epoch }) => Array.from({ length: steps }, (_, s) => rateAt(rate, epoch + s)));
  const data = objective.float === "f32" ? Float32Array.from(values) : Float64Array.from(values);
  return { dtype: objective.float, shape: [rows.length, steps], data } as const;
}

function stack(objective: Objective, rows: readonly FloatArray[]): Promise<DeviceTensor> {
  const { numParams, float } = objective;
  const size = rows.length * numParams;
  const data = floatArray(float, size);
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
