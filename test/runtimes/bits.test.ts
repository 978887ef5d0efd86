import { describe, expect, it } from "vitest";
import type { Program } from "../../src/programs/program.ts";
import type { Tensor } from "../../src/programs/tensor.ts";
import { openRuntime } from "../../src/runtimes/open.ts";
import type { Runtime } from "../../src/runtimes/runtime.ts";
import { isUnavailable } from "../../src/runtimes/unavailable.ts";
import {
  countParams,
  gradientProgram,
  hvpProgram,
  linearizedProgram,
  type MlpSpec,
  mlpData,
  PAPER_LAYERS,
} from "./mlp.ts";

/**
 * Gradient descent past the stability threshold is chaotic: one different rounding gives another trajectory. So a
 * replica's numbers may depend on nothing but itself: not on how many run beside it, not on its place, not on threads.
 */
const NETWORKS: readonly (readonly [string, Omit<MlpSpec, "replicas">])[] = [
  ["the paper's MLP", { layers: PAPER_LAYERS, samples: 1000 }],
  ["with biases, few samples", { layers: [784, 32, 32, 10], samples: 100, biases: true }],
  ["softmax regression", { layers: [784, 10], samples: 1000 }],
  ["an odd one", { layers: [17, 5, 3], samples: 33, biases: true }],
];

/** Number of replicas, and where the first of them stands in the list of 47: so each one's place changes. */
const GROUPINGS = [
  [1, 0],
  [1, 46],
  [2, 5],
  [3, 9],
  [8, 30],
  [47, 0],
  [47, 13],
] as const;

const ALL = 47;

describe("bits on onnx:cpu", () => {
  it.each(NETWORKS)("%s: loss, gradient and HVP of a replica depend on it alone", async (_, network) => {
    const P = countParams({ ...network, replicas: 1 });
    const data = mlpData({ ...network, replicas: ALL });
    const wanted = new Map<number, readonly Float32Array[]>();
    const runtimes = [await open(1), await open(2)];
    for (const runtime of runtimes) {
      for (const [R, first] of GROUPINGS) {
        const members = Array.from({ length: R }, (_, i) => (first + i) % ALL);
        const compute = await compileAll(runtime, { ...network, replicas: R });
        const outputs = await compute({
          ...data,
          theta: gather(data.theta, members, P),
          tangent: gather(data.tangent, members, P),
        });
        members.forEach((member, row) => {
          const own = outputs.map(({ data }) => rowOf(data as Float32Array, row, R));
          const known = wanted.get(member);
          if (known === undefined) wanted.set(member, own);
          else
            own.forEach((numbers, i) => {
              expect(differing(numbers, known[i]!), `output ${i} of replica ${member} at ${row} of ${R}`).toBe(0);
            });
        });
      }
    }
    expect(wanted.size).toBe(ALL);
    for (const runtime of runtimes) await runtime.dispose();
  });
});

async function open(threads: number): Promise<Runtime> {
  const runtime = await openRuntime("onnx:cpu", { threads });
  if (isUnavailable(runtime)) throw new Error(runtime.message);
  return runtime;
}

type Inputs = ReturnType<typeof mlpData>;

/** Loss, gradient, HVP, and the HVP of the linearized gradient. */
async function compileAll(runtime: Runtime, spec: MlpSpec): Promise<(inputs: Inputs) => Promise<Tensor[]>> {
  const run = async (program: Program, inputs: readonly Tensor[]): Promise<Tensor[]> => {
    const executable = await runtime.compile(program);
    const outputs = await executable.run(inputs);
    await executable.dispose();
    return outputs;
  };
  const { primal, tangent, tangentInputs, numResiduals } = linearizedProgram(spec);
  return async ({ theta, images, labels, tangent: direction }) => {
    const inputs = [theta, images, labels];
    const first = await run(gradientProgram(spec), inputs);
    const second = await run(hvpProgram(spec), [...inputs, direction]);
    const primals = await run(primal, inputs);
    const residuals = primals.slice(primals.length - numResiduals);
    const third = await run(tangent, [...tangentInputs.map((i) => inputs[i]!), ...residuals, direction]);
    return [...first, ...second, ...third];
  };
}

function gather(tensor: Tensor, members: readonly number[], P: number): Tensor {
  const data = new Float32Array(members.length * P);
  members.forEach((member, row) => {
    data.set(tensor.data.subarray(member * P, (member + 1) * P), row * P);
  });
  return { dtype: "f32", shape: [members.length, P], data };
}

function rowOf(data: Float32Array, row: number, rows: number): Float32Array {
  const length = data.length / rows;
  return data.slice(row * length, (row + 1) * length);
}

/** How many numbers differ in any bit. */
function differing(a: Float32Array, b: Float32Array): number {
  const [x, y] = [new Uint32Array(a.buffer), new Uint32Array(b.buffer)];
  let count = Math.abs(x.length - y.length);
  for (let i = 0; i < x.length; i++) if (x[i] !== y[i]) count += 1;
  return count;
}
