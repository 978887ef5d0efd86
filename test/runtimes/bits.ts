import { afterAll, describe, expect, it } from "vitest";
import type { Program } from "../../src/programs/program.ts";
import type { Tensor } from "../../src/programs/tensor.ts";
import type { DeviceName, Runtime } from "../../src/runtimes/runtime.ts";
import { openForTest } from "./devices.ts";
import { countParams, gradientProgram, hvpProgram, linearizedProgram, type MlpSpec, mlpData } from "./mlp.ts";

export type Network = Omit<MlpSpec, "replicas">;

/** Number of replicas, and where the first of them stands in the list of all: so each one's place changes. */
export type Grouping = readonly [replicas: number, first: number];

const ALL = 47;

/**
 * Gradient descent past the stability threshold is chaotic: one different rounding gives another trajectory. So a
 * replica's numbers may depend on nothing but itself: not on how many run beside it, nor on its place, nor on which of
 * these runtimes (of different numbers of threads) computes them.
 */
export function itKeepsBits(
  what: string,
  network: Network,
  groupings: readonly Grouping[],
  runtimes: readonly Runtime[],
): void {
  it(`${what}: loss, gradient and HVP of a replica depend on it alone`, async () => {
    const P = countParams({ ...network, replicas: 1 });
    const data = mlpData({ ...network, replicas: ALL });
    const wanted = new Map<number, readonly Float32Array[]>();
    let compared = 0;
    for (const runtime of runtimes)
      for (const [R, first] of groupings) {
        const members = Array.from({ length: R }, (_, i) => (first + i) % ALL);
        const outputs = await computeAll(
          runtime,
          { ...network, replicas: R },
          { ...data, theta: gather(data.theta, members, P), tangent: gather(data.tangent, members, P) },
        );
        members.forEach((member, row) => {
          const own = outputs.map((output) => rowOf(output.data as Float32Array, row, R));
          const known = wanted.get(member);
          if (known === undefined) wanted.set(member, own);
          else
            own.forEach((numbers, i) => {
              compared += 1;
              expect(differing(numbers, known[i]!), `output ${i} of replica ${member} at ${row} of ${R}`).toBe(0);
            });
        });
      }
    expect(compared).toBeGreaterThan(0);
  });
}

/** A short form of the suite for devices that are slow here. Call it at the top level of a test file. */
export async function describeBits(device: DeviceName): Promise<void> {
  const runtime = await openForTest(device);
  if ("skipped" in runtime) {
    describe.skip(`bits on ${device} (${runtime.skipped})`, () => {
      it("are kept", () => {});
    });
    return;
  }
  describe(`bits on ${device}`, () => {
    afterAll(() => runtime.dispose());
    const groupings: readonly Grouping[] = [
      [1, 6],
      [2, 5],
      [8, 0],
    ];
    const layers = [784, 32, 32, 10];
    itKeepsBits("with biases, few samples", { layers, samples: 100, biases: true }, groupings, [runtime]);
    itKeepsBits("an odd one", { layers: [17, 5, 3], samples: 33, biases: true }, groupings, [runtime]);
  });
}

type Inputs = ReturnType<typeof mlpData>;

/** Loss, gradient, HVP, and the HVP of the linearized gradient with its loss, gradient and residuals. */
async function computeAll(runtime: Runtime, spec: MlpSpec, data: Inputs): Promise<Tensor[]> {
  const run = async (program: Program, inputs: readonly Tensor[]): Promise<Tensor[]> => {
    const executable = await runtime.compile(program);
    const outputs = await executable.run(inputs);
    await executable.dispose();
    return outputs;
  };
  const { primal, tangent, tangentInputs, numResiduals } = linearizedProgram(spec);
  const inputs = [data.theta, data.images, data.labels];
  const first = await run(gradientProgram(spec), inputs);
  const second = await run(hvpProgram(spec), [...inputs, data.tangent]);
  const primals = await run(primal, inputs);
  const residuals = primals.slice(primals.length - numResiduals);
  const third = await run(tangent, [...tangentInputs.map((i) => inputs[i]!), ...residuals, data.tangent]);
  return [...first, ...second, ...primals, ...third];
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
