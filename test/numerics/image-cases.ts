import type { ImageNetwork } from "../../src/numerics/image-networks.ts";
import type { ImageSource } from "../../src/numerics/image-source.ts";

type ImageShape = readonly [channels: number, height: number, width: number];

/**
 * PROTOCOL C.6: each weight tensor is √(2/fan_in)·sin(k²), k = 1… row-major over HWIO (convolutions) or in × out (dense),
 * where what a dense layer flattens comes as H, W, C; biases and β are 0, γ is 1.
 */
export function trigonometricImageTheta(network: ImageNetwork, flattened?: ImageShape): Float64Array {
  const theta = new Float64Array(network.numParams);
  for (const { name, shape, offset, size } of network.layout) {
    if (name.endsWith(".gamma")) theta.fill(1, offset, offset + size);
    if (shape.length === 1) continue;
    const [outputs, inputs, ...kernel] = shape as [number, number, ...number[]];
    const fanIn = size / outputs;
    const positions = kernel.reduce((product, extent) => product * extent, 1);
    const isFlattened = flattened !== undefined && name === "dense1.weight";
    for (let k = 0; k < size; k++) {
      const o = k % outputs;
      const row = Math.floor(k / outputs); // (h, w, i)
      const [i, position] = [row % inputs, Math.floor(row / inputs)];
      const at = isFlattened ? channelsFirst(i, flattened) : i;
      theta[offset + (o * inputs + at) * positions + position] = Math.sqrt(2 / fanIn) * Math.sin((k + 1) ** 2);
    }
  }
  return theta;
}

/** Where feature i of H, W, C lies in C, H, W. */
function channelsFirst(i: number, [channels, height, width]: ImageShape): number {
  const pixel = Math.floor(i / channels);
  return (i % channels) * height * width + pixel;
}

/** x = √2·sin(k²), k = 1… row-major over NHWC, y = i mod classes (PROTOCOL C.6). */
export function trigonometricImages(count: number, imageShape: ImageShape, classes: number): ImageSource {
  const [channels, height, width] = imageShape;
  return {
    count,
    classes,
    imageShape,
    labels: (start, end) => Uint8Array.from({ length: end - start }, (_, i) => (start + i) % classes),
    fill(start, end, into, { interleave: m }) {
      for (let n = start; n < end; n++) {
        const group = Math.floor((n - start) / m) * m;
        const j = (n - start) % m;
        for (let h = 0; h < height; h++)
          for (let w = 0; w < width; w++)
            for (let c = 0; c < channels; c++) {
              const k = ((n * height + h) * width + w) * channels + c + 1;
              const at = (group * channels + c * m) * height * width + (h * width + w) * m + j;
              into[at] = Math.SQRT2 * Math.sin(k * k);
            }
      }
    },
  };
}

/** Some items of a source, as a source. */
export function part(source: ImageSource, from: number, to: number): ImageSource {
  return {
    ...source,
    count: to - from,
    fill: (start, end, into, layout) => source.fill(from + start, from + end, into, layout),
    labels: (start, end) => source.labels(from + start, from + end),
  };
}
