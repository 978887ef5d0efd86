import { describe, expect, test } from "vitest";
import { grad } from "../../src/programs/grad.ts";
import { jvp } from "../../src/programs/jvp.ts";
import { linearize } from "../../src/programs/linearize.ts";
import * as ops from "../../src/programs/ops.ts";
import { print } from "../../src/programs/print.ts";
import { withOutputs } from "../../src/programs/simplify.ts";
import { trace } from "../../src/programs/trace.ts";
import { traceMlpLoss } from "./support.ts";

// The paper's network, one replica and one hidden layer fewer to read less. `vitest -u` writes these files; read the diff.
const loss = traceMlpLoss({ layers: [784, 32, 32, 10], replicas: 3, samples: 1000 });
const gradient = grad(loss, { wrt: [0] });
const golden = (name: string): string => `../golden/programs/${name}.txt`;

describe("print", () => {
  test("the MLP's loss, as it was traced", async () => {
    await expect(print(loss)).toMatchFileSnapshot(golden("mlp-loss"));
  });

  test("its gradient", async () => {
    await expect(print(gradient)).toMatchFileSnapshot(golden("mlp-gradient"));
  });

  test("its Hessian-vector product", async () => {
    await expect(print(withOutputs(jvp(gradient, { wrt: [0] }), [3]))).toMatchFileSnapshot(golden("mlp-hvp"));
  });

  test("its Hessian-vector product, linearized", async () => {
    const { primal, tangent } = linearize(gradient, { wrt: [0], outputs: [1] });
    await expect(`${print(primal)}\n${print(tangent)}`).toMatchFileSnapshot(golden("mlp-linearized"));
  });

  test("names do not collide with the inputs', and parameters are shown", () => {
    const program = trace(
      (a, c) => {
        const image = ops.conv2d(a!, c!, { strides: [2, 1], interleave: 2 });
        return [ops.scale(ops.sum(image, [-1]), 1 / 3)];
      },
      [
        { name: "a", aval: { dtype: "f32", shape: [1, 1, 2, 5, 8] } },
        { name: "c", aval: { dtype: "f32", shape: [1, 3, 2, 3, 3] } },
      ],
      ["y"],
    );
    expect(print(program)).toBe(
      [
        "program(a:f32[1,1,2,5,8], c:f32[1,3,2,3,3])",
        "  b:f32[1,1,3,2,4] = conv2d[strides=2,1 padding=0:0,0:0 interleave=2] a c",
        "  d:f32[1,1,3,2,1] = sum[axes=4] b",
        "  e:f32[1,1,3,2] = reshape d",
        "  f:f32[1,1,3,2] = scale[0.3333333] e",
        "  return y=f",
        "",
      ].join("\n"),
    );
  });

  test("after z comes aa", () => {
    const program = trace(
      (x) => {
        let value = x!;
        for (let i = 0; i < 27; i++) value = ops.exp(value);
        return [value];
      },
      [{ name: "input", aval: { dtype: "f32", shape: [1] } }],
      ["y"],
    );
    expect(print(program)).toContain("  aa:f32[1] = exp z\n  return y=aa\n");
  });
});
