import { addScalar, cast, reshape, scale, transpose } from "../programs/ops.ts";
import { type DType, sizeOf, type Tensor } from "../programs/tensor.ts";
import { trace } from "../programs/trace.ts";
import type { Variable } from "../programs/variable.ts";
import type { DeviceTensor, Runtime } from "../runtimes/runtime.ts";
import { toFloats } from "./float-array.ts";

/** Labelled samples on the host. */
export interface Samples {
  /** `[N, …features]`: bytes, which `normalisation` turns into numbers, or numbers as they are. */
  readonly inputs: Tensor;
  /** `[N]`, each below the number of classes. */
  readonly labels: Uint8Array;
  /** x = (byte/255 − mean)/std. Bytes without it become byte/255. */
  readonly normalisation?: { readonly mean: number; readonly std: number };
}

/** Samples where programs run: x `[1, features, N]`, one-hot targets y `[1, classes, N]`. */
export interface DeviceSamples {
  readonly count: number;
  readonly x: DeviceTensor;
  readonly y: DeviceTensor;
  dispose(): Promise<void>;
}

/**
 * Bytes travel, and one program turns them into normalised columns on the device, once: for the MLP a step that normalised
 * again would pay a quarter of its time for it.
 */
export async function uploadSamples(
  runtime: Runtime,
  samples: Samples,
  classes: number,
  float: "f32" | "f64",
): Promise<DeviceSamples> {
  const { inputs, labels, normalisation } = samples;
  const [count = 0, ...features] = inputs.shape;
  if (labels.length !== count) throw new Error(`${count} samples have ${labels.length} labels`);
  const shape = [count, sizeOf(features)];
  // Some devices have no float64: numbers are converted here.
  const flat: Tensor =
    inputs.data instanceof Uint8Array
      ? { dtype: "u8", shape, data: inputs.data }
      : { dtype: float, shape, data: toFloats(inputs.data, float) };
  const program = trace(
    (bytes, targets) => [columns(normalised(bytes, normalisation, float)), expand(cast(targets, float))],
    [
      { name: "inputs", aval: { dtype: flat.dtype, shape: flat.shape } },
      { name: "targets", aval: { dtype: "u8", shape: [classes, count] } },
    ],
    ["x", "y"],
  );
  const executable = await runtime.compile(program);
  const [x, y] = await executable.runOnDevice([flat, oneHot(labels, classes)]);
  return {
    count,
    x: x!,
    y: y!,
    async dispose() {
      x!.dispose();
      y!.dispose();
      // Not before: on a GPU an executable's outputs live in its memory.
      await executable.dispose();
    },
  };
}

function normalised(inputs: Variable, normalisation: Samples["normalisation"], float: DType): Variable {
  if (inputs.dtype !== "u8") return inputs;
  const values = cast(inputs, float);
  const { mean, std } = normalisation ?? { mean: 0, std: 1 };
  return scale(addScalar(scale(values, 1 / 255), -mean), 1 / std);
}

const columns = (rows: Variable): Variable => expand(transpose(rows, [1, 0]));

const expand = (matrix: Variable): Variable => reshape(matrix, [1, ...matrix.shape]);

function oneHot(labels: Uint8Array, classes: number): Tensor {
  const data = new Uint8Array(classes * labels.length);
  labels.forEach((label, i) => {
    if (label >= classes) throw new Error(`sample ${i} has label ${label}, there are ${classes} classes`);
    data[label * labels.length + i] = 1;
  });
  return { dtype: "u8", shape: [classes, labels.length], data };
}
