/** One contender of bench/numerics: this project's `onnx:cpu`. The protocol is that of `peers.py`. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { mlp } from "../../src/numerics/networks.ts";
import { makeObjective } from "../../src/numerics/objective.ts";
import { stepProgram } from "../../src/numerics/step-program.ts";
import { jvp } from "../../src/programs/jvp.ts";
import { scale, sub } from "../../src/programs/ops.ts";
import { withOutputs } from "../../src/programs/simplify.ts";
import { inline, inputsOf, trace } from "../../src/programs/trace.ts";
import { openRuntime } from "../../src/runtimes/open.ts";
import { isUnavailable } from "../../src/runtimes/unavailable.ts";
import type { Measurement, Row } from "./contender.ts";
import { LAYERS } from "./data.ts";

const ETA = 0.01;
const STEPS = 10;

const folder = process.argv[2]!;
const read = (name: string): Float32Array => new Float32Array(new Uint8Array(readFileSync(join(folder, name))).buffer);
const runtime = await openRuntime("onnx:cpu");
if (isUnavailable(runtime)) throw new Error(runtime.message);
const network = mlp(LAYERS);
const count = network.numParams;
const x = read("x.f32");
const samples = x.length / LAYERS[0];
const y = read("y.f32");
const thetas = read("theta.f32");
const directions = read("v.f32");
const objective = await makeObjective(runtime, network, {
  train: { inputs: { dtype: "f32", shape: [samples, LAYERS[0]], data: rowsOf(x) }, labels: labelsOf(y) },
});
const compiled = new Map<string, Promise<(theta: Float32Array, v: Float32Array) => Promise<Float32Array>>>();

process.stdout.write(`${JSON.stringify({ ready: "ours" })}\n`);
for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(await answer(JSON.parse(line) as Row))}\n`);
}
await objective.dispose();
await runtime.dispose();

async function answer({ row, replicas, iterations }: Row): Promise<Measurement> {
  const theta = thetas.slice(0, replicas * count);
  const v = directions.slice(0, replicas * count);
  const { loss, grad } = await objective.gradient(theta);
  if (row === "step") {
    const step = await memoized(`step/${replicas}`, () => compileStep(replicas));
    const [milliseconds] = await measure(() => step(theta, v), iterations);
    return { milliseconds, loss: loss[0]!, norm: norm(grad) };
  }
  if (row === "descent") {
    const descent = await memoized(`descent/${replicas}`, () => compileDescent(replicas));
    const [milliseconds] = await measure(() => descent(theta, v), iterations);
    return { milliseconds: milliseconds.map((time) => time / STEPS), loss: loss[0]!, norm: norm(grad) };
  }
  if (row === "hvp") {
    const product = await memoized(`hvp/${replicas}`, () => compileHvp(replicas));
    const [milliseconds, value] = await measure(() => product(theta, v), iterations);
    return { milliseconds, loss: loss[0]!, norm: norm(value) };
  }
  const linearized = await objective.linearize(theta);
  const [milliseconds, value] = await measure(() => linearized.hvp(v), iterations);
  linearized.dispose();
  return { milliseconds, loss: loss[0]!, norm: norm(value) };
}

/** θ ← θ − η∇L and the loss, in one program. */
async function compileStep(replicas: number) {
  const gradient = objective.gradientProgram(replicas);
  const program = trace(
    (...inputs) => {
      const [loss, , grad] = inline(gradient, inputs);
      return [sub(inputs[0]!, scale(grad!, ETA)), loss!];
    },
    inputsOf(gradient),
    ["next", "loss"],
  );
  const executable = await objective.runtime.compile(program);
  return async (theta: Float32Array) => {
    const [next] = await executable.run([thetaTensor(theta), objective.train.x, objective.train.y]);
    return next!.data as Float32Array;
  };
}

/** As training runs it: several steps in one program, with what it records of each. */
async function compileDescent(replicas: number) {
  const executable = await objective.runtime.compile(stepProgram(objective.gradientProgram(replicas), STEPS, false));
  const rates = { dtype: "f32", shape: [replicas, STEPS], data: new Float32Array(replicas * STEPS).fill(ETA) } as const;
  return async (theta: Float32Array) => {
    const [, last] = await executable.run([thetaTensor(theta), objective.train.x, objective.train.y, rates]);
    return last!.data as Float32Array;
  };
}

async function compileHvp(replicas: number) {
  const product = jvp(objective.gradientProgram(replicas), { wrt: [0] });
  const program = withOutputs(product, [product.outputs.length - 1]);
  const executable = await objective.runtime.compile(program);
  return async (theta: Float32Array, v: Float32Array) => {
    const [value] = await executable.run([thetaTensor(theta), objective.train.x, objective.train.y, thetaTensor(v)]);
    return value!.data as Float32Array;
  };
}

function memoized(key: string, make: () => Promise<(theta: Float32Array, v: Float32Array) => Promise<Float32Array>>) {
  const known = compiled.get(key) ?? make();
  compiled.set(key, known);
  return known;
}

async function measure<T>(call: () => Promise<T>, iterations: number): Promise<readonly [number[], T]> {
  await call();
  let value = await call();
  const times: number[] = [];
  for (let i = 0; i < iterations; i++) {
    const start = performance.now();
    value = await call();
    times.push(performance.now() - start);
  }
  return [times, value];
}

function thetaTensor(data: Float32Array) {
  return { dtype: "f32", shape: [data.length / count, count], data } as const;
}

/** Of replica 0. */
function norm(values: ArrayLike<number>): number {
  let total = 0;
  for (let i = 0; i < count; i++) total += values[i]! ** 2;
  return Math.sqrt(total);
}

function rowsOf(columns: Float32Array): Float32Array {
  const rows = new Float32Array(columns.length);
  for (let f = 0; f < LAYERS[0]; f++)
    for (let n = 0; n < samples; n++) rows[n * LAYERS[0] + f] = columns[f * samples + n]!;
  return rows;
}

function labelsOf(oneHot: Float32Array): Uint8Array {
  const labels = new Uint8Array(samples);
  for (let c = 0; c < 10; c++) for (let n = 0; n < samples; n++) if (oneHot[c * samples + n] === 1) labels[n] = c;
  return labels;
}
