import { describe, expect, test } from "vitest";
import { evaluate } from "../../src/programs/evaluate.ts";
import { grad } from "../../src/programs/grad.ts";
import { jvp } from "../../src/programs/jvp.ts";
import { type Linearized, linearize } from "../../src/programs/linearize.ts";
import { addEdge, addNode, createFlowGraph, minCut } from "../../src/programs/min-cut.ts";
import * as ops from "../../src/programs/ops.ts";
import { withOutputs } from "../../src/programs/simplify.ts";
import { sizeOf, type Tensor } from "../../src/programs/tensor.ts";
import { trace } from "../../src/programs/trace.ts";
import { count, createRandom, draw, mlpInputs, traceMlpLoss } from "./support.ts";

const MLP = { layers: [5, 4, 4, 3], replicas: 2, samples: 7 };

/** Runs both parts. */
function tangentsOf(parts: Linearized, inputs: readonly Tensor[], tangents: readonly Tensor[]): Tensor[] {
  const primal = evaluate(parts.primal, inputs);
  const residuals = primal.slice(primal.length - parts.numResiduals);
  return evaluate(parts.tangent, [...parts.tangentInputs.map((i) => inputs[i]!), ...residuals, ...tangents]);
}

describe("linearize", () => {
  for (const [name, activation] of [
    ["relu", ops.relu],
    ["tanh", ops.tanh],
  ] as const)
    test(`of a gradient is the Hessian-vector product, to the bit (${name})`, () => {
      const gradient = grad(traceMlpLoss(MLP, activation), { wrt: [0] });
      const whole = jvp(gradient, { wrt: [0] });
      const parts = linearize(gradient, { wrt: [0] });
      const inputs = mlpInputs(MLP);
      for (const seed of [1, 2]) {
        const v = draw(gradient.inputs[0]!, createRandom(seed));
        const expected = evaluate(whole, [...inputs, v]).slice(2);
        expect(tangentsOf(parts, inputs, [v]).map(({ data }) => data)).toEqual(expected.map(({ data }) => data));
      }
      expect(evaluate(parts.primal, inputs).slice(0, 2)).toEqual(evaluate(gradient, inputs));
      expect(parts.primal.inputNames).toEqual(["theta", "x", "y"]);
      expect(parts.tangent.outputNames).toEqual(["d.loss", "d.grad.theta"]);
    });

  test("stores each layer's activations and makes masks and weights again", () => {
    const gradient = grad(traceMlpLoss(MLP), { wrt: [0] });
    const { primal, tangent, numResiduals, tangentInputs } = linearize(gradient, { wrt: [0], outputs: [1] });
    expect(tangentInputs).toEqual([0, 1, 2]);
    const shapes = primal.outputs.slice(-numResiduals).map(({ shape }) => shape.join("×"));
    // Each hidden layer's activations, the second one's cotangent (the first one's only meets the constant x), and of the
    // loss exp(z − max) and the reciprocal of its sum.
    expect(shapes.sort()).toEqual(["2×1×7", "2×3×7", "2×4×7", "2×4×7", "2×4×7"]);
    expect(count(tangent, "step")).toBe(2);
    expect(count(tangent, "relu")).toBe(0);
    // Nothing expensive that does not depend on the tangents is computed again: 5 products forward, 4 back, 5 of weights.
    expect(count(tangent, "matmul")).toBe(14);
    expect(count(tangent, "exp") + count(tangent, "log") + count(tangent, "max")).toBe(0);
  });

  test("stores the smaller of what it could store", () => {
    // y = Σ tanh(sum x)·(x broadcast): the sum is small, its broadcast is not.
    const program = trace(
      (x) => {
        const total = ops.tanh(ops.sum(x!, [1], { keep: true })); // [1, 1]
        const spread = ops.mul(ops.broadcast(total, [1, 50]), x!);
        return [ops.square(spread)];
      },
      [{ name: "x", aval: { dtype: "f32", shape: [1, 50] } }],
      ["y"],
    );
    const { primal, numResiduals, tangent } = linearize(program, { wrt: [0] });
    const residuals = primal.outputs.slice(-numResiduals);
    expect(residuals.reduce((total, { shape }) => total + sizeOf(shape), 0)).toBe(1);
    expect(tangent.inputNames).toEqual(["x", "residual.0", "d.x"]);
  });

  test("takes several tangents at once over one primal pass", () => {
    const sizes = { ...MLP, replicas: 1 };
    const gradient = grad(traceMlpLoss(sizes), { wrt: [0] });
    const many = linearize(gradient, { wrt: [0], outputs: [1], tangents: 3 });
    const inputs = mlpInputs(sizes);
    const block = draw({ dtype: "f64", shape: [3, gradient.inputs[0]!.shape[1]!] }, createRandom(9));
    const [together] = tangentsOf(many, inputs, [block]);
    const single = withOutputs(jvp(gradient, { wrt: [0] }), [3]);
    const size = block.shape[1]!;
    for (let k = 0; k < 3; k++) {
      const v = { dtype: "f64", shape: [1, size], data: block.data.slice(k * size, (k + 1) * size) } as const;
      const [alone] = evaluate(single, [...inputs, v]);
      expect(together!.data.slice(k * size, (k + 1) * size)).toEqual(alone!.data);
    }
  });

  test("a tangent output that depends on nothing is zero", () => {
    const program = trace(
      (x) => [ops.step(x!), ops.square(x!)],
      [{ name: "x", aval: { dtype: "f32", shape: [2] } }],
      ["mask", "square"],
    );
    const parts = linearize(program, { wrt: [0] });
    const x: Tensor = { dtype: "f64", shape: [2], data: Float64Array.of(3, 4) };
    const [zero, twice] = tangentsOf(parts, [x], [{ ...x, data: Float64Array.of(1, 10) }]);
    expect([...zero!.data]).toEqual([0, 0]);
    expect([...twice!.data]).toEqual([6, 80]);
  });
});

describe("minCut", () => {
  test("finds the maximum flow of the textbook's network", () => {
    // Cormen et al., Introduction to Algorithms, figure 26.6: the maximum flow is 23.
    const graph = createFlowGraph();
    const [s, a, b, c, d, t] = Array.from({ length: 6 }, () => addNode(graph)) as [
      number,
      number,
      number,
      number,
      number,
      number,
    ];
    const edges = [
      [s, a, 16],
      [s, b, 13],
      [a, c, 12],
      [b, a, 4],
      [b, d, 14],
      [c, b, 9],
      [c, t, 20],
      [d, c, 7],
      [d, t, 4],
    ] as const;
    for (const [from, to, capacity] of edges) addEdge(graph, from, to, capacity);
    const nearSink = minCut(graph, s, t);
    const cut = edges.filter(([from, to]) => !nearSink[from] && nearSink[to]);
    expect(cut.reduce((total, [, , capacity]) => total + capacity, 0)).toBe(23);
  });

  test("prefers the cut that is nearest to the sink", () => {
    const graph = createFlowGraph();
    const nodes = Array.from({ length: 4 }, () => addNode(graph));
    for (let i = 0; i < 3; i++) addEdge(graph, nodes[i]!, nodes[i + 1]!, 5);
    expect(minCut(graph, 0, 3)).toEqual([false, false, false, true]);
  });
});
