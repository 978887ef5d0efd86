import type { OnnxModel } from "../../src/runtimes/onnx/model.ts";
import { executionOrder, flowOf } from "../../src/runtimes/onnx/order.ts";

/**
 * The most bytes of a model's values that are in memory at once, if each stays from its node to its last reader, in ONNX
 * Runtime's order. Inputs and constants do not count.
 */
export function peakBytes({ nodes, outputs }: OnnxModel): number {
  const order = executionOrder(nodes);
  const { maker, rootOf } = flowOf(nodes);
  const last = new Map<string, number>();
  order.forEach((i, position) => {
    for (const value of [...nodes[i]!.inputs, ...nodes[i]!.outputs]) last.set(rootOf(value), position);
  });
  for (const { name } of outputs) last.delete(rootOf(name));
  let [live, peak] = [0, 0];
  order.forEach((i, position) => {
    const { inputs, outputs: made, bytes } = nodes[i]!;
    if (rootOf(made[0]!) === made[0]) live += bytes;
    peak = Math.max(peak, live);
    for (const root of new Set([...inputs, ...made].map(rootOf)))
      if (last.get(root) === position) live -= nodes[maker.get(root) ?? -1]?.bytes ?? 0;
  });
  return peak;
}
