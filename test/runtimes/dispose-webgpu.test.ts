import { afterAll, describe, expect, it, vi } from "vitest";
import { addScalar } from "../../src/programs/ops.ts";
import { trace } from "../../src/programs/trace.ts";
import { openRuntime } from "../../src/runtimes/open.ts";
import type { Runtime } from "../../src/runtimes/runtime.ts";
import { isUnavailable } from "../../src/runtimes/unavailable.ts";
import { openForTest } from "./devices.ts";

// Where the GPU is software, each new program is compiled for it on the CPU: seconds, and more on a busy machine.
vi.setConfig({ testTimeout: 300_000 });

const next = trace((x) => [addScalar(x, 1)], [{ name: "x", aval: { dtype: "f32", shape: [3] } }], ["y"]);
const x = { dtype: "f32", shape: [3], data: Float32Array.of(1, 2, 3) } as const;
const values = async (tensor: { read(): Promise<{ readonly data: ArrayLike<number> }> }): Promise<number[]> =>
  Array.from((await tensor.read()).data);

// A device tensor's memory is its session's: in a wrong order onnxruntime-node ends the process, this test's with it.
const opened = await openForTest("onnx:webgpu");
describe.skipIf("skipped" in opened)(
  `device tensors on WebGPU, disposed in any order${"skipped" in opened ? ` (${opened.skipped})` : ""}`,
  () => {
    const runtime = opened as Runtime;
    afterAll(() => runtime.dispose());

    it("outlive the executable that made them: they can be read, fed and disposed", async () => {
      const executable = await runtime.compile(next);
      const [y, unread] = [...(await executable.runOnDevice([x])), ...(await executable.runOnDevice([x]))];
      await executable.dispose();
      expect(await values(y!)).toEqual([2, 3, 4]);
      const other = await runtime.compile(next);
      const [z] = await other.runOnDevice([y!]);
      expect(await values(z!)).toEqual([3, 4, 5]);
      y!.dispose();
      await expect(y!.read()).rejects.toThrow(/disposed/);
      z!.dispose();
      // Twice is once.
      y!.dispose();
      unread!.dispose();
      await other.dispose();
    });

    it("end with their runtime: then they cannot be read, and to dispose them does nothing", async () => {
      const own = await openRuntime("onnx:webgpu");
      if (isUnavailable(own)) throw new Error(own.message);
      const executable = await own.compile(next);
      const uploaded = await own.upload(x);
      const [y] = await executable.runOnDevice([uploaded]);
      const [late] = await executable.runOnDevice([uploaded]);
      await executable.dispose();
      y!.dispose();
      await own.dispose();
      for (const tensor of [uploaded, y!, late!]) {
        await expect(tensor.read()).rejects.toThrow(/disposed/);
        tensor.dispose();
      }
      // Other runtimes of the process go on.
      const [again] = await (await runtime.compile(next)).runOnDevice([x]);
      expect(await values(again!)).toEqual([2, 3, 4]);
      again!.dispose();
    });
  },
);
