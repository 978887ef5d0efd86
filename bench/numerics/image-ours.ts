/** One contender of the image rows: this project's `onnx:cpu`. The protocol is that of `image-peers.py`. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { usualInterleave } from "../../src/numerics/ghost-batches.ts";
import { GRADIENT_OUTPUTS, imagePrograms } from "../../src/numerics/image-programs.ts";
import { jvp } from "../../src/programs/jvp.ts";
import { withOutputs } from "../../src/programs/simplify.ts";
import type { Tensor } from "../../src/programs/tensor.ts";
import { openRuntime } from "../../src/runtimes/open.ts";
import { isUnavailable } from "../../src/runtimes/unavailable.ts";
import type { Absent, ImageMeasurement, ImageRequest, ImageRowKind } from "./image-contender.ts";
import { type ImageNetworkName, networkOf } from "./image-data.ts";

const [, , folder, name] = process.argv as [string, string, string, ImageNetworkName];
const opened = await openRuntime("onnx:cpu");
if (isUnavailable(opened)) throw new Error(opened.message);
const runtime = opened;
const network = networkOf(name);
const labels = readFileSync(join(folder, "labels.u8"));
const count = labels.length;
const interleave = usualInterleave(count);
const inputs = [vector("theta"), images(), oneHot()];
const programs = imagePrograms(network, "f32");
const form = { count, interleave };
const calls = new Map<ImageRowKind, Promise<() => Promise<Float32Array>>>();

process.stdout.write(`${JSON.stringify({ ready: "ours" })}\n`);
for await (const line of createInterface({ input: process.stdin }))
  process.stdout.write(`${JSON.stringify(await answer(JSON.parse(line) as ImageRequest))}\n`);
await runtime.dispose();

async function answer({ row, iterations }: ImageRequest): Promise<ImageMeasurement | Absent> {
  const call = await (calls.get(row) ?? begin(row));
  const milliseconds: number[] = [];
  const before = process.cpuUsage();
  let value: Float32Array = new Float32Array();
  for (let i = 0; i < iterations; i++) {
    const start = performance.now();
    value = await call();
    milliseconds.push(performance.now() - start);
  }
  const { user, system } = process.cpuUsage(before);
  const result = join(folder, `ours-${row}.f32`);
  writeFileSync(result, value);
  return {
    milliseconds,
    processorMilliseconds: (user + system) / 1000 / iterations,
    peakMegabytes: Number(/VmHWM:\s*(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))?.[1]) / 1024,
    result,
  };
}

/** Compiles and runs once; then the kernel's high-water mark of memory starts again, as the peers' does. */
function begin(row: ImageRowKind): Promise<() => Promise<Float32Array>> {
  const prepared = prepare(row).then(async (call) => {
    await call();
    writeFileSync("/proc/self/clear_refs", "5");
    return call;
  });
  calls.set(row, prepared);
  return prepared;
}

async function prepare(row: ImageRowKind): Promise<() => Promise<Float32Array>> {
  const last = (outputs: readonly Tensor[]): Float32Array => outputs.at(-1)!.data as Float32Array;
  const gradient = programs.gradient(form);
  if (row === "gradient") {
    const executable = await runtime.compile(gradient);
    return async () => last(await executable.run(inputs));
  }
  const v = vector("v");
  if (row === "hvp") {
    const product = jvp(gradient, { wrt: [0] });
    const executable = await runtime.compile(withOutputs(product, [product.outputs.length - 1]));
    return async () => last(await executable.run([...inputs, v]));
  }
  const parts = programs.linearized(form);
  const primal = await runtime.compile(parts.primal);
  const residuals = (await primal.run(inputs)).slice(GRADIENT_OUTPUTS);
  await primal.dispose();
  const tangent = await runtime.compile(parts.tangent);
  const given = parts.tangentInputs.map((i) => inputs[i]!);
  return async () => last(await tangent.run([...given, ...residuals, v]));
}

function read(file: string): Float32Array {
  return new Float32Array(new Uint8Array(readFileSync(join(folder, `${file}.f32`))).buffer);
}

function vector(file: string): Tensor {
  const data = read(file);
  return { dtype: "f32", shape: [1, data.length], data };
}

/** The blocked layout `[1, B, C, H, W·m]`. */
function images(): Tensor {
  const x = read("x");
  const pixels = x.length / count;
  const data = new Float32Array(x.length);
  for (let n = 0; n < count; n++) {
    const block = Math.floor(n / interleave) * pixels;
    for (let k = 0; k < pixels; k++) data[(block + k) * interleave + (n % interleave)] = x[n * pixels + k]!;
  }
  const [channels, height, width] = network.inputShape as [number, number, number];
  return { dtype: "f32", shape: [1, count / interleave, channels, height, width * interleave], data };
}

function oneHot(): Tensor {
  const data = new Float32Array(network.classes * count);
  for (let n = 0; n < count; n++) data[labels[n]! * count + n] = 1;
  return { dtype: "f32", shape: [1, network.classes, count], data };
}
