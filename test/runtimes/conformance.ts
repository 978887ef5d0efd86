import { afterAll, describe, expect, it } from "vitest";
import { withFloat } from "../../src/programs/float.ts";
import { add, cast, matmul, mul, relu, scale } from "../../src/programs/ops.ts";
import { primitives } from "../../src/programs/primitives/index.ts";
import type { Program } from "../../src/programs/program.ts";
import type { Tensor } from "../../src/programs/tensor.ts";
import { trace } from "../../src/programs/trace.ts";
import type { DeviceName, Runtime } from "../../src/runtimes/runtime.ts";
import { openForTest } from "./devices.ts";
import { gradientProgram, hvpProgram, linearizedProgram, type MlpSpec, mlpData } from "./mlp.ts";
import { derivativesProgram, distance, expected, randomTensor, sampleInputs, valueProgram } from "./samples.ts";

/** The one suite that every runtime and device passes. Call it at the top level of a test file. */
export async function describeConformance(device: DeviceName): Promise<void> {
  const opened = await openForTest(device);
  if ("skipped" in opened) {
    describe.skip(`${device} (${opened.skipped})`, () => {
      it("conforms", () => {});
    });
    return;
  }
  describe(device, () => {
    afterAll(() => opened.dispose());
    describePrimitives(opened);
    describeNetworks(opened);
    describeExecutables(opened);
    describeDeviceTensors(opened);
    if (device === "onnx:cpu") describeFloat64(opened);
  });
}

/** Compiles, runs and compares all outputs with the float64 evaluation of the same inputs. */
async function compare(runtime: Runtime, program: Program, inputs: readonly Tensor[], what: string): Promise<void> {
  const { outputs, errorBound } = expected(program, inputs);
  const roundoff = program.outputs[0]?.dtype === "f64" ? 2 ** -53 : runtime.unitRoundoff;
  const executable = await runtime.compile(program);
  try {
    const computed = await executable.run(inputs);
    computed.forEach((tensor, i) => {
      const name = `${what}, output ${program.outputNames[i]}`;
      expect(tensor.shape, name).toEqual(program.outputs[i]!.shape);
      expect(tensor.data.length, name).toBe(outputs[i]!.data.length);
      // `!(a <= b)` rather than `a > b`: NaN must fail.
      expect(distance(tensor.data, outputs[i]!.data), name).toBeLessThanOrEqual(errorBound * roundoff);
    });
  } finally {
    await executable.dispose();
  }
}

function describePrimitives(runtime: Runtime): void {
  it.each(primitives.map((primitive) => [primitive.name, primitive] as const))(
    "%s: value, jvp, vjp and second order of each sample",
    async (name, primitive) => {
      expect(primitive.samples.length).toBeGreaterThan(0);
      for (const [i, sample] of primitive.samples.entries()) {
        const range = sample.range ?? [-1, 1];
        const value = valueProgram(primitive, sample);
        const what = `${name}, sample ${i}`;
        await compare(runtime, value, sampleInputs(value, sample.inputs.length, range), what);
        const derivatives = derivativesProgram(value);
        if (derivatives === undefined) continue;
        await compare(runtime, derivatives, sampleInputs(derivatives, sample.inputs.length, range), what);
      }
    },
  );
}

function describeFloat64(runtime: Runtime): void {
  it.each(primitives.map((primitive) => [primitive.name, primitive] as const))(
    "%s in float64: value and derivatives",
    async (name, primitive) => {
      for (const [i, sample] of primitive.samples.entries()) {
        const range = sample.range ?? [-1, 1];
        const value = withFloat(valueProgram(primitive, sample), "f64");
        await compare(runtime, value, sampleInputs(value, sample.inputs.length, range), `${name}, sample ${i}`);
        const derivatives = derivativesProgram(value);
        if (derivatives === undefined) continue;
        const inputs = sampleInputs(derivatives, sample.inputs.length, range);
        await compare(runtime, derivatives, inputs, `${name}, sample ${i}`);
      }
    },
  );
}

const NETWORKS: readonly (readonly [string, MlpSpec])[] = [
  ["softmax regression", { replicas: 1, layers: [20, 5], samples: 30 }],
  ["a network with biases, three replicas", { replicas: 3, layers: [20, 16, 16, 5], samples: 30, biases: true }],
  ["a deep one without, two replicas", { replicas: 2, layers: [12, 8, 8, 8, 8, 4], samples: 17 }],
];

function describeNetworks(runtime: Runtime): void {
  it.each(NETWORKS)("%s: loss, gradient, HVP, and the linearized HVP through device tensors", async (what, spec) => {
    const { theta, images, labels, tangent } = mlpData(spec);
    const inputs = [theta, images, labels];
    await compare(runtime, gradientProgram(spec), inputs, `gradient of ${what}`);
    const hvp = hvpProgram(spec);
    await compare(runtime, hvp, [...inputs, tangent], `HVP of ${what}`);

    const { primal, tangent: linear, tangentInputs, numResiduals } = linearizedProgram(spec);
    const [first, second] = [await runtime.compile(primal), await runtime.compile(linear)];
    const values = await first.runOnDevice(inputs);
    const residuals = values.slice(values.length - numResiduals);
    const [product] = await second.run([...tangentInputs.map((i) => inputs[i]!), ...residuals, tangent]);
    for (const value of values) value.dispose();
    const { outputs, errorBound } = expected(hvp, [...inputs, tangent]);
    expect(distance(product!.data, outputs[0]!.data)).toBeLessThanOrEqual(errorBound * runtime.unitRoundoff);
    await first.dispose();
    await second.dispose();
  });
}

const X = { dtype: "f32", shape: [2, 3] } as const;

function describeExecutables(runtime: Runtime): void {
  it("hands back inputs, constants, repeated outputs and scalars, and takes inputs that nothing uses", async () => {
    const program = trace(
      (x, unused, s) => [x, add(x, x), add(x, x), scale(s, 2), x, unused],
      [
        { name: "x", aval: X },
        { name: "unused", aval: X },
        { name: "s", aval: { dtype: "f32", shape: [] } },
      ],
      ["x", "y", "z", "s", "add", "unused"],
    );
    const x = randomTensor(X, 1, [-1, 1]);
    const unused = randomTensor(X, 2, [-1, 1]);
    const s: Tensor = { dtype: "f32", shape: [], data: Float32Array.of(0.75) };
    const executable = await runtime.compile(program);
    const twice = Array.from(x.data, (value) => 2 * value);
    for (let repetition = 0; repetition < 2; repetition++) {
      const outputs = await executable.run([x, unused, s]);
      // Doubling is exact in any binary float.
      expect(outputs.map(({ data }) => Array.from(data))).toEqual([
        Array.from(x.data),
        twice,
        twice,
        [1.5],
        Array.from(x.data),
        Array.from(unused.data),
      ]);
    }
    await executable.dispose();
  });

  it("takes bytes and widens them exactly", async () => {
    const bytes: Tensor = { dtype: "u8", shape: [2, 2], data: Uint8Array.of(0, 1, 127, 255) };
    const program = trace(
      (x) => [scale(cast(x, "f32"), 0.5), x],
      [{ name: "pixels", aval: { dtype: "u8", shape: [2, 2] } }],
      ["half", "pixels"],
    );
    const executable = await runtime.compile(program);
    const [half, same] = await executable.run([bytes]);
    expect(Array.from(half!.data)).toEqual([0, 0.5, 63.5, 127.5]);
    expect(Array.from(same!.data)).toEqual([0, 1, 127, 255]);
    await executable.dispose();
  });

  it("gives outputs that a later run does not touch", async () => {
    const program = trace((x) => [scale(x, 4)], [{ name: "x", aval: X }], ["y"]);
    const executable = await runtime.compile(program);
    const [first] = await executable.run([randomTensor(X, 1, [-1, 1])]);
    const kept = Array.from(first!.data);
    await executable.run([randomTensor(X, 2, [-1, 1])]);
    expect(Array.from(first!.data)).toEqual(kept);
    await executable.dispose();
  });

  it("repeats itself bit for bit", async () => {
    const shapes = [
      { name: "a", aval: { dtype: "f32", shape: [2, 33, 70] } },
      { name: "b", aval: { dtype: "f32", shape: [2, 70, 45] } },
    ] as const;
    const program = trace((a, b) => [relu(matmul(a, b))], shapes, ["y"]);
    const inputs = program.inputs.map((input, i) => randomTensor(input, i, [-1, 1]));
    const executable = await runtime.compile(program);
    const [first] = await executable.run(inputs);
    const [second] = await executable.run(inputs);
    expect(Array.from(second!.data)).toEqual(Array.from(first!.data));
    await executable.dispose();
  });

  it("refuses inputs that do not fit, by name", async () => {
    const program = trace((x) => [scale(x, 2)], [{ name: "weights", aval: X }], ["y"]);
    const executable = await runtime.compile(program);
    const wrong: Tensor = { dtype: "f32", shape: [3, 2], data: new Float32Array(6) };
    await expect(executable.run([wrong])).rejects.toThrow(/weights.*\[2,3\].*\[3,2\]/);
    await expect(executable.run([])).rejects.toThrow(/1 inputs \(weights\) was given 0/);
    await executable.dispose();
  });
}

function describeDeviceTensors(runtime: Runtime): void {
  const program = trace(
    (x, y) => [mul(x, y), add(x, y), x],
    [
      { name: "x", aval: X },
      { name: "y", aval: X },
    ],
    ["product", "sum", "x"],
  );

  it("reads back what was uploaded, as often as it is asked, and dispose ends that", async () => {
    const given = randomTensor(X, 3, [-1, 1]);
    const tensor = await runtime.upload(given);
    expect([tensor.dtype, tensor.shape]).toEqual(["f32", [2, 3]]);
    for (let repetition = 0; repetition < 2; repetition++)
      expect(Array.from((await tensor.read()).data)).toEqual(Array.from(given.data));
    tensor.dispose();
    await expect(tensor.read()).rejects.toThrow(/disposed/);
  });

  it("uploads bytes", async () => {
    const given: Tensor = { dtype: "u8", shape: [3], data: Uint8Array.of(0, 128, 255) };
    const tensor = await runtime.upload(given);
    const back = await tensor.read();
    expect(Array.from(back.data)).toEqual([0, 128, 255]);
    tensor.dispose();
  });

  it("chains runs through device tensors, mixed with host tensors, with the bits of host runs", async () => {
    const [x, y] = [randomTensor(X, 4, [-1, 1]), randomTensor(X, 5, [-1, 1])];
    const executable = await runtime.compile(program);
    const [product, total] = await executable.run([x, y]);
    const onHost = await executable.run([product!, total!]);
    const uploaded = await runtime.upload(x);
    const [productThere, totalThere, xThere] = await executable.runOnDevice([uploaded, y]);
    expect(Array.from((await xThere!.read()).data)).toEqual(Array.from(x.data));
    const chained = await executable.run([productThere!, total!]);
    expect(chained.map(({ data }) => Array.from(data))).toEqual(onHost.map(({ data }) => Array.from(data)));
    // An output stays valid when the input that it equals is gone, and while other runs come and go.
    uploaded.dispose();
    const again = await executable.runOnDevice([productThere!, totalThere!]);
    expect(Array.from((await xThere!.read()).data)).toEqual(Array.from(x.data));
    expect(Array.from((await again[0]!.read()).data)).toEqual(Array.from(onHost[0]!.data));
    for (const tensor of [productThere!, totalThere!, xThere!, ...again]) tensor.dispose();
    await expect(executable.run([productThere!, y])).rejects.toThrow(/disposed|another/);
    await executable.dispose();
  });
}
