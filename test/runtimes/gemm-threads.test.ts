import { describe, expect, it } from "vitest";
import { matmul } from "../../src/programs/ops.ts";
import { trace } from "../../src/programs/trace.ts";
import { maxGemmThreads } from "../../src/runtimes/onnx/gemm-threads.ts";
import { lowerProgram } from "../../src/runtimes/onnx/lower.ts";
import { openRuntime } from "../../src/runtimes/open.ts";
import type { Runtime } from "../../src/runtimes/runtime.ts";
import { isUnavailable } from "../../src/runtimes/unavailable.ts";
import { generator, randomTensor } from "./samples.ts";

describe("threads of a product", () => {
  it("are limited where a share of the columns would be narrow, and nowhere else", () => {
    expect(maxGemmThreads(32, 784, 1000)).toBe(12); // 63 groups of 16: the 13th thread would leave 1000 − 16·59 = 56
    expect(maxGemmThreads(5, 256, 129)).toBe(1); // two threads: 80 and 49 columns
    expect(maxGemmThreads(5, 256, 160)).toBe(2); // 80 and 80
    expect(maxGemmThreads(32, 128, 1000)).toBe(Number.POSITIVE_INFINITY); // one block of K
    expect(maxGemmThreads(1000, 784, 32)).toBe(Number.POSITIVE_INFINITY); // rows are shared
    expect(maxGemmThreads(3, 65536, 3)).toBe(1); // two threads: one would have one row
    expect(maxGemmThreads(3, 784, 3)).toBe(Number.POSITIVE_INFINITY); // too small to be shared
    expect(maxGemmThreads(1, 784, 100)).toBe(Number.POSITIVE_INFINITY); // a vector
  });

  it("reach the model", () => {
    const aval = (...shape: number[]) => ({ dtype: "f32", shape }) as const;
    const inputs = [
      { name: "a", aval: aval(1, 32, 784) },
      { name: "b", aval: aval(1, 784, 1000) },
    ];
    const program = trace((a, b) => [matmul(a, b)], inputs, ["y"]);
    expect(lowerProgram(program, "cpu").maxThreads).toBe(12);
  });
});

/** Extents that stand on both sides of what MLAS decides by: one row, vectors, its groups and strides. */
const EXTENTS = [1, 2, 3, 10, 16, 33, 64, 100, 128, 129, 200, 300, 784];
const COMBINATIONS = 60;

describe("bits of products on onnx:cpu", () => {
  it("do not depend on threads, on the number of replicas, on their order, or on what is shared", async () => {
    const runtimes = [await open(1), await open(2)];
    const uniform = generator(2);
    const pick = <T>(list: readonly T[]): T => list[Math.floor(uniform() * list.length)]!;
    for (let trial = 0; trial < COMBINATIONS; trial++) {
      const [m, k, n] = [pick(EXTENTS), pick(EXTENTS), pick(EXTENTS)];
      const [transposeA, transposeB] = pick([
        [false, false],
        [false, true],
        [true, false],
      ]) as [boolean, boolean];
      const shared = pick(["none", "left", "right"]);
      const a = randomTensor(
        { dtype: "f32", shape: [shared === "left" ? 1 : 3, ...(transposeA ? [k, m] : [m, k])] },
        trial,
        [-1, 1],
      );
      const b = randomTensor(
        { dtype: "f32", shape: [shared === "right" ? 1 : 3, ...(transposeB ? [n, k] : [k, n])] },
        trial + 99,
        [-1, 1],
      );
      const known = new Map<number, string>();
      for (const runtime of runtimes)
        for (const replicas of [[0], [1], [2, 1], [1, 2, 0]]) {
          const operands = [a, b].map((tensor) => {
            const size = tensor.data.length / tensor.shape[0]!;
            const chosen = tensor.shape[0] === 1 ? [0] : replicas;
            const data = new Float32Array(chosen.length * size);
            chosen.forEach((replica, i) => {
              data.set(tensor.data.subarray(replica * size, (replica + 1) * size), i * size);
            });
            return { dtype: "f32", shape: [chosen.length, ...tensor.shape.slice(1)], data } as const;
          });
          const program = trace(
            (x, y) => [matmul(x, y, { transposeA, transposeB })],
            operands.map(({ dtype, shape }, i) => ({ name: "ab"[i]!, aval: { dtype, shape } })),
            ["y"],
          );
          const executable = await runtime.compile(program);
          const [product] = await executable.run(operands);
          await executable.dispose();
          const size = m * n;
          replicas.slice(0, product!.shape[0]).forEach((replica, i) => {
            const data = product!.data as Float32Array;
            const bits = Buffer.from(data.slice(i * size, (i + 1) * size).buffer).toString("base64");
            const what = `[${m},${k}]·[${k},${n}] ${transposeA}/${transposeB}, shared ${shared}, ${replicas}`;
            // Compared as a flag: a message with both products would be megabytes.
            expect((known.get(replica) ?? bits) === bits, what).toBe(true);
            known.set(replica, bits);
          });
        }
    }
    for (const runtime of runtimes) await runtime.dispose();
  });
});

async function open(threads: number): Promise<Runtime> {
  const runtime = await openRuntime("onnx:cpu", { threads });
  if (isUnavailable(runtime)) throw new Error(runtime.message);
  return runtime;
}
