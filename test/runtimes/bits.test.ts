import { afterAll, describe } from "vitest";
import { openRuntime } from "../../src/runtimes/open.ts";
import type { Runtime } from "../../src/runtimes/runtime.ts";
import { isUnavailable } from "../../src/runtimes/unavailable.ts";
import { type Grouping, itKeepsBits, type Network } from "./bits.ts";
import { PAPER_LAYERS } from "./mlp.ts";

const NETWORKS: readonly (readonly [string, Network])[] = [
  ["the paper's MLP", { layers: PAPER_LAYERS, samples: 1000 }],
  ["with biases, few samples", { layers: [784, 32, 32, 10], samples: 100, biases: true }],
  ["softmax regression", { layers: [784, 10], samples: 1000 }],
  ["an odd one", { layers: [17, 5, 3], samples: 33, biases: true }],
];

const GROUPINGS: readonly Grouping[] = [
  [1, 0],
  [1, 46],
  [2, 5],
  [3, 9],
  [8, 30],
  [47, 0],
  [47, 13],
];

describe("bits on onnx:cpu with 1 and 2 threads", async () => {
  const runtimes: Runtime[] = [];
  for (const threads of [1, 2]) {
    const runtime = await openRuntime("onnx:cpu", { threads });
    if (isUnavailable(runtime)) throw new Error(runtime.message);
    runtimes.push(runtime);
  }
  afterAll(async () => {
    for (const runtime of runtimes) await runtime.dispose();
  });
  for (const [what, network] of NETWORKS) itKeepsBits(what, network, GROUPINGS, runtimes);
});
