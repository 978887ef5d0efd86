import { spawn } from "node:child_process";
import { createBuilder } from "./onnx/builder.ts";
import { encodeModel } from "./onnx/model.ts";
import { nativeFolder } from "./onnx/package.ts";
import { findPackage } from "./packages.ts";
import { findTensorflow } from "./tensorflow-package.ts";

/**
 * Questions that only a native library can answer, asked in a child process: a driver that crashes, hangs or writes to
 * the terminal takes nothing with it.
 */
export interface WebgpuProbe {
  /** Relative distance of the product to the CPU's, in the Frobenius norm. */
  readonly distance: number;
  /** Of one product, the first one (shader compilation) not counted. */
  readonly milliseconds: number;
  readonly cpuMilliseconds: number;
}

export type ProbeFailure = { readonly failed: string };

/** Multiplies two square matrices through WebGPU and on the CPU. */
export async function probeWebgpu(
  { side }: { readonly side: number },
  timeoutMs = 20_000,
): Promise<WebgpuProbe | ProbeFailure> {
  const found = findPackage("onnxruntime-node");
  if (found === undefined || nativeFolder() === undefined) return { failed: "onnxruntime-node is not installed" };
  const builder = createBuilder("webgpu");
  const aval = { dtype: "f32", shape: [side, side] } as const;
  const product = builder.node("MatMul", [builder.input("a", aval), builder.input("b", aval)], aval);
  const model = encodeModel(builder.finish("probe", [{ name: "c", value: product }]));
  const script = `
    const ort = require(${JSON.stringify(found.folder)});
    const model = Buffer.from(${JSON.stringify(Buffer.from(model).toString("base64"))}, "base64");
    const n = ${side};
    const matrix = (seed) => new ort.Tensor("float32", Float32Array.from({ length: n * n }, (_, i) => Math.sin(seed + i)), [n, n]);
    const feeds = { a: matrix(1), b: matrix(2) };
    async function product(provider) {
      const session = await ort.InferenceSession.create(model, { executionProviders: [provider], logSeverityLevel: 4 });
      await session.run(feeds);
      let best = Infinity, c;
      for (let i = 0; i < 3; i++) {
        const start = performance.now();
        c = (await session.run(feeds)).c.data;
        best = Math.min(best, performance.now() - start);
      }
      return { best, c };
    }
    (async () => {
      const gpu = await product("webgpu");
      const cpu = await product("cpu");
      let difference = 0, norm = 0;
      cpu.c.forEach((x, i) => { difference += (x - gpu.c[i]) ** 2; norm += x * x; });
      return { distance: Math.sqrt(difference / norm), milliseconds: gpu.best, cpuMilliseconds: cpu.best };
    })()`;
  return ask<WebgpuProbe>(script, timeoutMs);
}

/** Whether TensorFlow computes on a CUDA device here. */
export async function probeTensorflowCuda(timeoutMs = 60_000): Promise<{ readonly cuda: boolean } | ProbeFailure> {
  const found = findTensorflow();
  if (found === undefined) return { failed: "TensorFlow's native addon is not built here" };
  const script = `
    const util = require("node:util");
    util.isNullOrUndefined ??= (value) => value === null || value === undefined;
    util.isArray ??= Array.isArray;
    const tf = require(${JSON.stringify(found.folder)});
    Promise.resolve({ cuda: tf.backend().isUsingGpuDevice })`;
  return ask<{ cuda: boolean }>(script, timeoutMs);
}

/** Runs a script whose value is a promise of plain data. */
function ask<T>(script: string, timeoutMs: number): Promise<T | ProbeFailure> {
  const wrapped = `Promise.resolve().then(() => eval(process.argv[1])).then(
    (answer) => process.stdout.write("\\n" + JSON.stringify(answer), () => process.exit(0)),
    (error) => process.stdout.write("\\n" + JSON.stringify({ failed: String(error.message).split("\\n")[0] }), () => process.exit(1)),
  )`;
  return new Promise((resolve) => {
    const child = spawn(process.execPath, ["-e", wrapped, script], {
      stdio: ["ignore", "pipe", "ignore"],
      timeout: timeoutMs,
      killSignal: "SIGKILL",
      env: { ...process.env, ORT_DISABLE_TELEMETRY: "1", TF_CPP_MIN_LOG_LEVEL: "3", NODE_OPTIONS: "" },
    });
    let output = "";
    child.stdout.on("data", (chunk: Buffer) => {
      output += chunk.toString("utf8");
    });
    child.on("error", (error) => resolve({ failed: error.message }));
    child.on("close", (code, signal) => {
      const line = output.trimEnd().split("\n").at(-1) ?? "";
      try {
        resolve(JSON.parse(line) as T | ProbeFailure);
      } catch {
        resolve({ failed: signal === null ? `the probe ended with code ${code}` : `the probe was ended by ${signal}` });
      }
    });
  });
}
