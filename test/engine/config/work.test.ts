import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseArithmetic } from "../../../src/engine/config/arithmetic.ts";
import { expectMistakes, planOf } from "./marked.ts";

const calculate = (text: string, ...values: number[]): number => {
  const parsed = parseArithmetic(text);
  if ("message" in parsed) throw new Error(parsed.message);
  return parsed.evaluate(values);
};

type Sum = { readonly text: string; readonly value: number };

/** Random arithmetic with every pair in parentheses, and its value by JavaScript. */
const { sum } = fc.letrec<{ sum: Sum; leaf: Sum; pair: Sum }>((tie) => ({
  leaf: fc.integer({ min: 0, max: 9 }).map((value) => ({ text: String(value), value })),
  pair: fc.tuple(tie("sum"), fc.constantFrom("+", "-", "*", "/", "^", "min", "max"), tie("sum")).map(([a, op, b]) => {
    if (op === "min" || op === "max") return { text: `${op}(${a.text},${b.text})`, value: Math[op](a.value, b.value) };
    const value = { "+": a.value + b.value, "-": a.value - b.value, "*": a.value * b.value, "/": a.value / b.value };
    return {
      text: `(${a.text}) ${op} (${b.text})`,
      value: op === "^" ? a.value ** b.value : value[op as keyof typeof value],
    };
  }),
  sum: fc.oneof({ maxDepth: 4 }, tie("leaf"), tie("pair")),
}));

describe("arithmetic", () => {
  it("has the values of JavaScript's own", () => {
    fc.assert(fc.property(sum, ({ text, value }) => void expect(calculate(text)).toBe(value)));
  });

  it("binds as in mathematics: powers from the right, before signs, products, sums", () => {
    expect(calculate("2 ^ 3 ^ 2")).toBe(512);
    expect(calculate("-2 ^ 2")).toBe(-4);
    expect(calculate("2 ^ -1")).toBe(0.5);
    expect(calculate("1 + 2 * 3 - 8 / 4 / 2")).toBe(6);
    expect(calculate("2 * ${a} ^ 2 + ${b}", 3, 1)).toBe(19);
    // A negative operand is one number, whatever stands before it.
    expect(calculate("${a} ^ 2", -3)).toBe(9);
    expect(calculate("max(1, 2e3, .5) / min(4, 8)")).toBe(500);
  });

  it("says what is not expected, and after what", () => {
    const message = (text: string): unknown => (parseArithmetic(text) as { message?: string }).message;
    expect(message("2 *")).toBe("the end is not expected after `*`");
    expect(message("2 3")).toBe("`3` is not expected after `2`");
    expect(message("(2")).toBe("the end is not expected after `2`");
    expect(message("steps")).toBe("`steps` is not expected here");
    expect(message("min 2")).toBe("`2` is not expected after `min`");
    expect(message("2 % 3")).toBe("`%` is not expected after `2`");
    expect(message("constructor(1)")).toBe("`constructor` is not expected here");
    expect(message("")).toBe("the end is not expected here");
  });
});

describe("the work of an instance", () => {
  it("is arithmetic over params and matrix values, with a unit or without", async () => {
    const plan = await planOf(`version: 1
params: { steps: 100, flops: { mlp: 3, vgg: 5.0e+9 } }
stages:
  a: { run: stages/a.ts, matrix: { net: [mlp, vgg] }, work: "\${params.steps} * \${params.flops[net]}", outs: { o: "\${net}" } }
  b: { run: stages/a.ts, matrix: { n: [2, 3] }, work: { amount: "2 * \${n}^2", unit: GFLOP }, outs: { o: "b\${n}" } }
  c: { run: stages/a.ts, work: 7, outs: { o: c } }
  d: { run: stages/a.ts, work: { amount: 8, unit: GFLOP, steps: "\${params.steps} / 4" }, outs: { o: d } }
  e: { run: stages/a.ts, work: { amount: 8, steps: 3, times: "\${params.steps} / 4" }, outs: { o: e } }
`);
    expect(plan.instances.map(({ work }) => work)).toEqual([
      { amount: 300 },
      { amount: 5e11 },
      { amount: 8, unit: "GFLOP" },
      { amount: 18, unit: "GFLOP" },
      { amount: 7 },
      { amount: 8, unit: "GFLOP", steps: 25 },
      { amount: 200, steps: 75, times: 25 },
    ]);
  });

  it("is told where it is wrong", async () => {
    const told = await expectMistakes(`version: 1
params: { steps: 100, name: mlp }
stages:
  a: { run: stages/a.ts, work: "⟦invalid-work:\${params.steps} * (2⟧", outs: { o: a } }
  b: { run: stages/a.ts, work: "2 * ⟦invalid-work:\${params.name}⟧", outs: { o: b } }
  c: { run: stages/a.ts, work: { amount: "2 * ⟦unknown-param:\${params.step}⟧", unit: x }, outs: { o: c } }
  d: { run: stages/a.ts, work: "⟦invalid-work:\${params.steps} - 100⟧", outs: { o: d } }
  e: { run: stages/a.ts, work: "⟦invalid-work:params.steps⟧", outs: { o: e } }
  f: { run: stages/a.ts, work: { amount: 1, ⟦unknown-key:units⟧: x }, outs: { o: f } }
  g: { run: stages/a.ts, work: "⟦invalid-work:1 / 0⟧", outs: { o: g } }
  h: { run: stages/a.ts, work: { amount: 1, steps: ⟦invalid-work:0⟧ }, outs: { o: h } }
  i: { run: stages/a.ts, work: { amount: 1, times: "⟦invalid-work:-2⟧" }, outs: { o: i } }
`);
    expect(told.map(({ message }) => message)).toEqual([
      "the end is not expected after `2`",
      "`${params.name}` is the text `mlp`",
      "`params` has no `step`",
      "the work comes to 0",
      "`params` is not expected here",
      expect.stringContaining("units"),
      "the work comes to Infinity",
      "the steps come to 0",
      "the times come to -2",
    ]);
  });
});
