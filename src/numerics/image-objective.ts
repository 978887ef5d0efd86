import type { Program } from "../programs/program.ts";
import type { Tensor } from "../programs/tensor.ts";
import type { DeviceTensor, Executable, Runtime } from "../runtimes/runtime.ts";
import { type BatchLoader, createBatchLoader, type LoadedBatch } from "./batch-loader.ts";
import { type FloatArray, toFloats } from "./float-array.ts";
import { type GhostBatch, type GhostBatchOptions, ghostBatches, usualInterleave } from "./ghost-batches.ts";
import { createSums, createTally, type PassOptions } from "./ghost-sums.ts";
import type { ImageData } from "./image-data.ts";
import type { ImageNetwork } from "./image-networks.ts";
import { type BatchForm, GRADIENT_OUTPUTS, type ImagePrograms, imagePrograms } from "./image-programs.ts";
import { type ImageSource, imageSource } from "./image-source.ts";
import {
  type CurvatureObjective,
  type Evaluation,
  floatOf,
  floats,
  type GradientEvaluation,
  matrix,
  memoize,
  type Theta,
} from "./objective.ts";
import { poolStatistics } from "./running-statistics.ts";

/** Per replica, and per ghost batch in order, the batch norms' statistics `[S]` (`running-statistics.ts`). */
export interface GhostGradient extends GradientEvaluation {
  readonly statistics: readonly (readonly FloatArray[])[];
}

/**
 * L(θ) of a network with batch norm: the average of the mean cross-entropies of ghost batches, each normalised by its own
 * statistics. `evaluate` does the same to any split, in ghost batches of that split.
 *
 * Replicas run one after another and so do ghost batches; sums over them are taken in double precision in their order. So
 * a replica's bits depend on its θ alone, and memory is that of one ghost batch, of the batches and of the residuals that
 * `memory` allows to keep.
 */
export interface ImageObjective extends CurvatureObjective {
  readonly network: ImageNetwork;
  /** Of the training samples. */
  readonly ghostBatches: readonly GhostBatch[];
  readonly averaging: "equal" | "samples";
  readonly programs: ImagePrograms;
  /** One pass over the ghost batches, which may stop between two of them and go on later, in another process as well. */
  gradient(theta: Theta, pass?: PassOptions): Promise<GhostGradient>;
  /** With given statistics `[S]`, the same for all replicas, or `[R, S]`: means over samples. Default split `train`. */
  evaluateWith(theta: Theta, statistics: FloatArray, split?: string): Promise<Evaluation>;
  /** Of all training samples together at θ `[P]`: see `poolStatistics`. */
  populationStatistics(theta: FloatArray): Promise<Float64Array>;
}

export interface ImageObjectiveOptions {
  /** Samples of a ghost batch. Default 1,024. */
  readonly ghostBatch?: number;
  /** How ghost batches are averaged. Default `equal` (PROTOCOL A.0). */
  readonly averaging?: GhostBatchOptions["averaging"];
  /**
   * Given `[S]`, all batch norms normalise by it: L is the loss of evaluation mode, whose Hessian other toolkits report,
   * and not the ghost loss that training descends (PROTOCOL A.0, "Which Hessian").
   */
  readonly statistics?: FloatArray;
  /** m of the layout by the number of images, which it must divide. Results of different m differ in their last bits. */
  readonly interleave?: (count: number) => number;
  /** What may stay where programs run, in bytes. No result depends on it. */
  readonly memory?: {
    /** Batches of each split. Default 256 MiB. */
    readonly data?: number;
    /** Residuals of linearizations: ghost batches without them take products from nothing. Default `RESIDUAL_BUDGET`. */
    readonly residuals?: number;
  };
  /** Default f64 on runtimes that compute in it, else f32. */
  readonly float?: "f32" | "f64";
}

interface Split {
  readonly source: ImageSource;
  readonly batches: readonly GhostBatch[];
  readonly loader: BatchLoader;
}

const MIB = 2 ** 20;
/** 2 GiB: the residuals of seven ghost batches of 1,024 images of VGG10, of one of VGG19 or ResNet20. */
export const RESIDUAL_BUDGET = 2048 * MIB;
/**
 * Residuals of one ghost batch from which on the program that made them is given back before products are taken: a runtime
 * keeps what a program needed once, and compiling it anew takes less than one of its passes.
 */
const HEAVY = 128 * MIB;

export async function makeImageObjective(
  runtime: Runtime,
  network: ImageNetwork,
  splits: { readonly train: ImageData | ImageSource; readonly [split: string]: ImageData | ImageSource },
  options: ImageObjectiveOptions = {},
): Promise<ImageObjective> {
  const { ghostBatch = 1024, averaging = "equal", interleave = usualInterleave, memory = {} } = options;
  const float = options.float ?? floatOf(runtime);
  const residualBudget = memory.residuals ?? RESIDUAL_BUDGET;
  const { numParams } = network;
  const known = new Map<string, Split>();
  for (const [name, data] of Object.entries(splits)) {
    const source = "fill" in data ? data : imageSource(data);
    if (source.imageShape.join() !== network.inputShape.join() || source.classes !== network.classes)
      throw new Error(
        `${network.name} takes images [${network.inputShape}] of ${network.classes} classes, '${name}' has [${source.imageShape}] of ${source.classes}`,
      );
    known.set(name, {
      source,
      batches: ghostBatches(source.count, { size: ghostBatch, averaging, interleave }),
      loader: createBatchLoader(runtime, source, float, memory.data ?? 256 * MIB),
    });
  }
  const splitOf = (name: string): Split => {
    const split = known.get(name);
    if (split === undefined) throw new Error(`there is no split '${name}'`);
    return split;
  };
  const train = splitOf("train");
  const fixed = options.statistics === undefined ? [] : [options.statistics];
  const programs = imagePrograms(network, float, { normalisation: fixed.length === 0 ? "batch" : "given" });
  const executables = memoize<Promise<Executable>>();
  const compiled = (kind: string, batch: GhostBatch, make: (form: BatchForm) => Program): Promise<Executable> =>
    executables(keyOf(kind, formOf(batch)), () => runtime.compile(make(formOf(batch))));
  const inTurn = createQueue();

  const vector = (values: FloatArray): Tensor => ({
    dtype: float,
    shape: [1, values.length],
    data: toFloats(values, float),
  });
  const rowsOf = async (theta: Theta): Promise<FloatArray[]> => {
    const values = ArrayBuffer.isView(theta) ? toFloats(theta, float) : floats((await theta.read()).data);
    const { shape } = matrix(values, numParams, float);
    return Array.from({ length: shape[0]! }, (_, r) => values.subarray(r * numParams, (r + 1) * numParams));
  };
  /** Calls `visit` for each ghost batch of a split from the `first` on, and for each θ within it; then `after`. */
  const forEach = async (
    split: Split,
    rows: readonly FloatArray[],
    visit: (batch: GhostBatch, index: number, inputs: readonly (Tensor | DeviceTensor)[], row: number) => Promise<void>,
    { first = 0, after }: { readonly first?: number; readonly after?: (index: number) => void } = {},
  ): Promise<void> => {
    const thetas = await Promise.all(rows.map((row) => runtime.upload(vector(row))));
    for (const [index, batch] of split.batches.entries()) {
      if (index < first) continue;
      const loaded: LoadedBatch = await split.loader.load(batch);
      for (const [row, theta] of thetas.entries())
        await visit(batch, index, [theta, ...loaded, ...fixed.map(vector)], row);
      after?.(index);
    }
    for (const theta of thetas) theta.dispose();
  };

  /** The program of a batch's products from its residuals, and what it takes before the vector. */
  const tangentOf = async (
    batch: GhostBatch,
    inputs: readonly (Tensor | DeviceTensor)[],
    residuals: readonly DeviceTensor[],
  ) => {
    const { tangent, tangentInputs } = programs.linearized(formOf(batch));
    const run = await compiled("tangent", batch, () => tangent);
    return { run, before: [...tangentInputs.map((i) => inputs[i]!), ...residuals] };
  };

  const ghostGradient = async (
    rows: readonly FloatArray[],
    { from, onBatch }: PassOptions = {},
  ): Promise<GhostGradient> => {
    const total = train.batches.length;
    const tally = createTally(rows.length, from);
    const sums = createSums(rows.length, numParams, from?.gradient);
    const statistics = rows.map((_, row): FloatArray[] => [...(from?.statistics[row] ?? [])]);
    await forEach(
      train,
      rows,
      async (batch, _, inputs, row) => {
        const run = await compiled("gradient", batch, programs.gradient);
        const [loss, correct, measured, gradient] = await run.run(inputs);
        tally.add(row, batch.weight, loss!, correct!);
        sums.add(row, batch.weight, gradient!);
        statistics[row]!.push(floats(measured!.data));
      },
      {
        first: from?.batches ?? 0,
        after(index) {
          const batches = index + 1;
          if (batches === total) return;
          onBatch?.(batches, total, () => ({
            batches,
            ...tally.state(),
            gradient: sums.values.slice(),
            statistics: statistics.map((each) => [...each]),
          }));
        },
      },
    );
    return { ...tally.evaluation(train.source.count), grad: toFloats(sums.values, float), statistics };
  };

  return {
    runtime,
    network,
    float,
    numParams,
    splits: [...known.keys()],
    ghostBatches: train.batches,
    averaging,
    programs,
    evaluate: (theta, name = "train") =>
      inTurn(async () => {
        const split = splitOf(name);
        const rows = await rowsOf(theta);
        const tally = createTally(rows.length);
        await forEach(split, rows, async (batch, _, inputs, row) => {
          const run = await compiled("loss", batch, programs.loss);
          const [loss, correct] = await run.run(inputs);
          tally.add(row, batch.weight, loss!, correct!);
        });
        return tally.evaluation(split.source.count);
      }),
    evaluateWith: (theta, statistics, name = "train") =>
      inTurn(async () => {
        const split = splitOf(name);
        const rows = await rowsOf(theta);
        const size = network.numStatistics;
        if (statistics.length !== size && statistics.length !== size * rows.length)
          throw new Error(`${statistics.length} statistics for ${rows.length} replicas of ${size}`);
        const given = toFloats(statistics, float);
        const { count } = split.source;
        const tally = createTally(rows.length);
        await forEach(split, rows, async (batch, _, inputs, row) => {
          const run = await compiled("given", batch, programs.given);
          const start = given.length === size ? 0 : row * size;
          const [loss, correct] = await run.run([...inputs.slice(0, 3), vector(given.subarray(start, start + size))]);
          tally.add(row, (batch.end - batch.start) / count, loss!, correct!);
        });
        return tally.evaluation(count);
      }),
    populationStatistics: (theta) =>
      inTurn(async () => {
        const batches: { count: number; statistics: FloatArray }[] = [];
        await forEach(train, await rowsOf(theta), async (batch, _, inputs) => {
          const run = await compiled("loss", batch, programs.loss);
          const [, , statistics] = await run.run(inputs);
          batches.push({ count: batch.end - batch.start, statistics: floats(statistics!.data) });
        });
        return poolStatistics(network.channels, batches);
      }),
    gradient: (theta, pass) => inTurn(async () => ghostGradient(await rowsOf(theta), pass)),
    linearize: (theta) =>
      inTurn(async () => {
        // A copy: products come later, and the caller may go on with its array.
        const rows = (await rowsOf(theta)).map((row) => row.slice());
        const tally = createTally(rows.length);
        const sums = createSums(rows.length, numParams);
        const kept = new Map<string, readonly DeviceTensor[]>();
        let left = residualBudget;
        await forEach(train, rows, async (batch, index, inputs, row) => {
          const size = programs.residualBytes(formOf(batch));
          const keeps = size <= left;
          const run = keeps
            ? await compiled("primal", batch, (form) => programs.linearized(form).primal)
            : await compiled("gradient", batch, programs.gradient);
          const outputs = await run.runOnDevice(inputs);
          const [loss, correct, , gradient] = await Promise.all(
            outputs.slice(0, GRADIENT_OUTPUTS).map((output) => output.read()),
          );
          for (const output of outputs.slice(0, GRADIENT_OUTPUTS)) output.dispose();
          tally.add(row, batch.weight, loss!, correct!);
          sums.add(row, batch.weight, gradient!);
          if (!keeps) return;
          left -= size;
          kept.set(`${row}/${index}`, outputs.slice(GRADIENT_OUTPUTS));
        });
        for (const form of train.batches.map(formOf))
          if (programs.residualBytes(form) >= HEAVY) await (await executables.take(keyOf("primal", form)))?.dispose();
        return {
          ...tally.evaluation(train.source.count),
          grad: toFloats(sums.values, float),
          hvp: (v) =>
            inTurn(async () => {
              const vectors = await rowsOf(v);
              if (rows.length !== 1 && vectors.length !== rows.length)
                throw new Error(`${rows.length} replicas take ${rows.length} vectors, were given ${vectors.length}`);
              const products = createSums(vectors.length, numParams);
              await forEach(train, rows, async (batch, index, inputs, row) => {
                const residuals = kept.get(`${row}/${index}`);
                const { run, before } =
                  residuals === undefined
                    ? { run: await compiled("product", batch, programs.product), before: inputs }
                    : await tangentOf(batch, inputs, residuals);
                for (const [i, tangent] of vectors.entries()) {
                  if (rows.length !== 1 && i !== row) continue;
                  const [product] = await run.run([...before, vector(tangent)]);
                  products.add(i, batch.weight, product!);
                }
              });
              return toFloats(products.values, float);
            }),
          dispose() {
            for (const residuals of kept.values()) for (const residual of residuals) residual.dispose();
            kept.clear();
          },
        };
      }),
    curvatureGradient: (theta, v) =>
      inTurn(async () => {
        const rows = await rowsOf(theta);
        const vectors = await rowsOf(v);
        const sums = createSums(rows.length, numParams);
        await forEach(train, rows, async (batch, _, inputs, row) => {
          const run = await compiled("curvature", batch, programs.curvature);
          const [, gradient] = await run.run([...inputs, vector(vectors[row]!)]);
          sums.add(row, batch.weight, gradient!);
        });
        return toFloats(sums.values, float);
      }),
    async dispose() {
      for (const { loader } of known.values()) loader.dispose();
      for (const executable of executables.values()) await (await executable).dispose();
    },
  };
}

const keyOf = (kind: string, { count, interleave }: BatchForm): string => `${kind}/${count}/${interleave}`;

const formOf = ({ start, end, interleave }: GhostBatch): BatchForm => ({ count: end - start, interleave });

/** Calls follow each other: batches share buffers. */
function createQueue(): <T>(work: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const result = last.then(work, work);
    last = result.catch(() => {});
    return result;
  };
}
