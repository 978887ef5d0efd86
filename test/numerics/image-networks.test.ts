import { describe, expect, it } from "vitest";
import { type ImageNetworkSpec, imageNetwork } from "../../src/numerics/image-networks.ts";
import { initialise } from "../../src/numerics/networks.ts";

describe("the paper's image networks (PROTOCOL A.0)", () => {
  it.each([
    ["vgg10", 47_482, 47_892],
    ["vgg19", 333_786, 335_277],
    ["resnet20", 269_722, 271_117],
  ] as const)("%s: %i trainable parameters, the paper counts %i", (name, trainable, paper) => {
    const network = imageNetwork(name);
    expect(network.numParams).toBe(trainable);
    expect(network.paperCount).toBe(paper);
    // 4C + 1 numbers of a batch norm with C channels, of which 2C are trained.
    const normalised = network.channels.reduce((total, channels) => total + 2 * channels + 1, 0);
    expect(network.paperCount - network.numParams).toBe(normalised);
    expect(network.numStatistics).toBe(2 * network.channels.reduce((total, channels) => total + channels, 0));
  });

  it("are the named cases of their forms", () => {
    const spelled: readonly (readonly [ImageNetworkSpec, ImageNetworkSpec])[] = [
      ["vgg10", { kind: "vgg", widths: [8, 16, 32], convs: 3, dense: 32 }],
      ["vgg19", { kind: "vgg", widths: [16, 32, 64], convs: 6, dense: 64 }],
      ["resnet20", { kind: "resnet", widths: [16, 32, 64], blocks: 3, act: "he" }],
    ];
    for (const [name, spec] of spelled) expect(imageNetwork(spec).layout).toEqual(imageNetwork(name).layout);
  });

  it("hold their tensors layer by layer, γ before β, without gaps", () => {
    const { layout, numParams } = imageNetwork("vgg10");
    expect(layout.slice(0, 4).map(({ name, shape }) => [name, shape])).toEqual([
      ["conv1.1.weight", [8, 3, 3, 3]],
      ["conv1.1.bias", [8]],
      ["bn1.1.gamma", [8]],
      ["bn1.1.beta", [8]],
    ]);
    expect(layout.find(({ name }) => name === "dense1.weight")!.shape).toEqual([32, 512]);
    let end = 0;
    for (const { offset, size } of layout) {
      expect(offset).toBe(end);
      end += size;
    }
    expect(end).toBe(numParams);
    expect(new Set(layout.map(({ name }) => name)).size).toBe(layout.length);
  });

  it("start from LeCun normal weights, γ = 1, β = 0 and no biases", () => {
    const network = imageNetwork("vgg10");
    const theta = initialise(network, 3);
    for (const { name, offset, size, shape } of network.layout) {
      const values = theta.subarray(offset, offset + size);
      if (name.endsWith(".gamma")) expect(new Set(values)).toEqual(new Set([1]));
      else if (!name.endsWith(".weight")) expect(new Set(values)).toEqual(new Set([0]));
      else if (size > 2000) {
        // The variance of n draws has a relative standard deviation of about √(2/n): five of them.
        const fanIn = size / shape[0]!;
        const variance = values.reduce((total, value) => total + value * value, 0) / size;
        expect(Math.abs(variance * fanIn - 1)).toBeLessThan(5 * Math.sqrt(2 / size));
      }
    }
  });

  it("refuse images that they cannot halve", () => {
    const spec = { kind: "vgg", widths: [2, 2], convs: 1, dense: 2 } as const;
    expect(() => imageNetwork(spec, { imageShape: [3, 6, 6] })).toThrow(/pool2 halves images, and they are 3×3/);
    expect(imageNetwork(spec, { imageShape: [1, 8, 4] }).classes).toBe(10);
  });
});
