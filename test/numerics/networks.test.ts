import { describe, expect, it } from "vitest";
import { dense } from "../../src/numerics/layers/dense.ts";
import { initialise, mlp, sequential } from "../../src/numerics/networks.ts";

describe("parameter counts (PROTOCOL A.0)", () => {
  it.each([
    [[784, 32, 32, 32, 32, 10], false, 28_480],
    [[784, 32, 32, 32, 32, 10], true, 28_618],
    [[784, 10], false, 7_840],
    [[8, 6, 6, 4], true, 124],
  ])("%j, bias %s: %d", (widths, bias, count) => {
    expect(mlp(widths, { bias }).numParams).toBe(count);
  });
});

describe("the layout of θ", () => {
  it("is layer by layer, weights [out, in] then biases, without gaps", () => {
    const { layout } = mlp([3, 5, 2], { bias: true });
    expect(layout.map(({ name, shape, offset }) => [name, shape, offset])).toEqual([
      ["dense1.weight", [5, 3], 0],
      ["dense1.bias", [5], 15],
      ["dense2.weight", [2, 5], 20],
      ["dense2.bias", [2], 30],
    ]);
  });

  it("layers that do not fit are refused, naming them", () => {
    expect(() => sequential("broken", [4], [dense("first", 4, 3), dense("second", 5, 2)])).toThrow(/second takes 5/);
  });
});

describe("LeCun normal initialisation", () => {
  const network = mlp([784, 32, 32, 32, 32, 10], { bias: true });
  const theta = initialise(network, 3);

  it("has variance 1/fan_in and no value beyond 2σ; biases are zero", () => {
    for (const { name, shape, offset, size } of network.layout) {
      const values = theta.slice(offset, offset + size);
      if (name.endsWith("bias")) {
        expect(values.every((value) => value === 0)).toBe(true);
        continue;
      }
      const fanIn = shape[1]!;
      const variance = values.reduce((total, value) => total + value * value, 0) / size;
      // Five standard errors; the fourth moment of the truncated normal is below that of the normal.
      expect(Math.abs(variance * fanIn - 1)).toBeLessThan(5 * Math.sqrt(2 / size));
      const bound = (2 / 0.87963) * Math.sqrt(1 / fanIn);
      expect(Math.max(...values.map(Math.abs))).toBeLessThan(bound * (1 + 1e-5));
    }
  });

  it("depends on the seed and on each tensor's name alone", () => {
    expect(initialise(network, 3)).toEqual(theta);
    expect(initialise(network, 4)).not.toEqual(theta);
    // The same first layer in a network of another depth and with biases elsewhere.
    const other = initialise(mlp([784, 32, 7]), 3);
    expect(other.slice(0, 784 * 32)).toEqual(theta.slice(0, 784 * 32));
  });
});
