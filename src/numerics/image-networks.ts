import type { Shape } from "../programs/tensor.ts";
import type { Variable } from "../programs/variable.ts";
import { type Activation, activation } from "./layers/activation.ts";
import { batchNorm } from "./layers/batch-norm.ts";
import { convolution } from "./layers/convolution.ts";
import { dense } from "./layers/dense.ts";
import { givenPass, type ImageLayer, type ImagePass, measuringPass } from "./layers/image-layer.ts";
import { flatten, globalAveragePool, maxPool } from "./layers/pooling.ts";
import { type ResidualForm, residualBlock } from "./layers/residual.ts";
import { classesOf, layoutOf, type Network, splitParameters } from "./networks.ts";

/** A network of the paper, or the same form in another size. */
export type ImageNetworkSpec = "vgg10" | "vgg19" | "resnet20" | VggSpec | ResnetSpec;

/** For each width a block of `convs` × [conv 3×3 with bias → BN → ReLU] and max-pool 2×2; then dense → BN → ReLU → dense. */
export interface VggSpec {
  readonly kind: "vgg";
  readonly widths: readonly number[];
  readonly convs: number;
  readonly dense: number;
}

/** He et al. 2016, section 4.2: conv → BN → ReLU, for each width `blocks` residual blocks, global average pool, dense. */
export interface ResnetSpec {
  readonly kind: "resnet";
  readonly widths: readonly number[];
  readonly blocks: number;
  /** Default `he`. */
  readonly act?: ResidualForm;
}

/** The paper's networks (PROTOCOL A.0). */
const NAMED = {
  vgg10: { kind: "vgg", widths: [8, 16, 32], convs: 3, dense: 32 },
  vgg19: { kind: "vgg", widths: [16, 32, 64], convs: 6, dense: 64 },
  resnet20: { kind: "resnet", widths: [16, 32, 64], blocks: 3 },
} as const satisfies Record<string, VggSpec | ResnetSpec>;

/**
 * A network on images. x is `[1 or R, B, C, H, W·m]`, B·m images of which m are interleaved innermost (m = 1 is NCHW); the
 * shape tells m. Logits are `[R, classes, N]`, N = B·m. Batch norms normalise by the batch (`forward`, `measure`) or by
 * given statistics (`forwardWith`).
 */
export interface ImageNetwork extends Network {
  /** `[C, H, W]` */
  readonly inputShape: Shape;
  /** C of each batch norm. */
  readonly channels: readonly number[];
  /** S = 2·ΣC over the batch norms: a mean and a biased variance for each channel. */
  readonly numStatistics: number;
  /** Parameters as the paper counts them: with the statistics and one momentum for each batch norm. */
  readonly paperCount: number;
  /** `forward`, with the statistics `[R, S]` of this batch: means and biased variances, one batch norm after another. */
  measure(theta: Variable, x: Variable): { readonly logits: Variable; readonly statistics: Variable };
  /** With statistics `[R, S]` of the same order in place of the batch's. */
  forwardWith(theta: Variable, x: Variable, statistics: Variable): Variable;
}

export interface ImageNetworkOptions {
  /** `[C, H, W]`. Default 3×32×32. */
  readonly imageShape?: readonly [number, number, number];
  /** Default 10. */
  readonly classes?: number;
  /** Default relu. */
  readonly activation?: Activation;
}

export function imageNetwork(spec: ImageNetworkSpec, options: ImageNetworkOptions = {}): ImageNetwork {
  const { imageShape = [3, 32, 32], classes = 10, activation: kind = "relu" } = options;
  const given = typeof spec === "string" ? NAMED[spec] : spec;
  const layers =
    given.kind === "vgg" ? vgg(given, imageShape, classes, kind) : resnet(given, imageShape, classes, kind);
  return ofLayers(typeof spec === "string" ? spec : nameOf(spec), imageShape, layers);
}

/** Which of the paper's networks a specification means, by name or in full; undefined for any other. */
export function paperNetwork(spec: ImageNetworkSpec): keyof typeof NAMED | undefined {
  if (typeof spec === "string") return spec;
  const form = (of: VggSpec | ResnetSpec): string => {
    const size = of.kind === "vgg" ? [of.convs, of.dense] : [of.blocks, of.act ?? "he"];
    return [of.kind, ...of.widths, ...size].join();
  };
  return (Object.keys(NAMED) as (keyof typeof NAMED)[]).find((name) => form(NAMED[name]) === form(spec));
}

function nameOf(spec: VggSpec | ResnetSpec): string {
  const known = paperNetwork(spec);
  if (known !== undefined) return known;
  return spec.kind === "vgg"
    ? `vgg-${spec.convs}x${spec.widths.join("-")}-${spec.dense}`
    : `resnet-${spec.blocks}x${spec.widths.join("-")}${spec.act === "before-addition" ? "-before-addition" : ""}`;
}

function vgg(spec: VggSpec, imageShape: readonly number[], classes: number, kind: Activation): ImageLayer[] {
  let channels = imageShape[0]!;
  const layers: ImageLayer[] = [];
  for (const [block, width] of spec.widths.entries())
    for (let i = 1; i <= spec.convs; i++) {
      const at = `${block + 1}.${i}`;
      layers.push(convolution(`conv${at}`, channels, width), batchNorm(`bn${at}`, width));
      // An increasing function and the maximum commute, in value and in derivative: of a quarter of the numbers it costs less.
      if (i === spec.convs) layers.push(maxPool(`pool${block + 1}`));
      layers.push(activation(`${kind}${at}`, kind));
      channels = width;
    }
  const shrunk = imageShape.slice(1).map((extent) => extent / 2 ** spec.widths.length);
  const features = channels * shrunk[0]! * shrunk[1]!;
  return [
    ...layers,
    flatten("flatten"),
    dense("dense1", features, spec.dense),
    batchNorm("bn.dense1", spec.dense),
    activation(`${kind}.dense1`, kind),
    dense("dense2", spec.dense, classes),
  ];
}

function resnet(spec: ResnetSpec, imageShape: readonly number[], classes: number, kind: Activation): ImageLayer[] {
  const first = spec.widths[0]!;
  const layers: ImageLayer[] = [
    convolution("conv0", imageShape[0]!, first, { bias: false }),
    batchNorm("bn0", first),
    activation(`${kind}0`, kind),
  ];
  let channels = first;
  for (const [stage, width] of spec.widths.entries())
    for (let i = 0; i < spec.blocks; i++) {
      const stride = stage > 0 && i === 0 ? 2 : 1;
      const form = spec.act ?? "he";
      layers.push(residualBlock(`block${stage + 1}.${i + 1}`, channels, width, { stride, form, activation: kind }));
      channels = width;
    }
  return [...layers, globalAveragePool("pool"), dense("dense", channels, classes)];
}

function ofLayers(name: string, imageShape: readonly [number, number, number], layers: readonly ImageLayer[]) {
  const classes = classesOf(name, imageShape, layers);
  const { layout, numParams } = layoutOf(layers);
  const channels = layers.flatMap((layer) => layer.channels ?? []);
  const numStatistics = 2 * channels.reduce((total, count) => total + count, 0);

  const run = (theta: Variable, x: Variable, pass: ImagePass): Variable => {
    const parameters = splitParameters(name, theta, layout, numParams);
    let value = x;
    let next = 0;
    for (const layer of layers) {
      value = layer.apply(value, parameters.slice(next, next + layer.parameters.length), pass);
      next += layer.parameters.length;
    }
    return value;
  };
  const interleaveOf = (x: Variable): number => {
    const [, , channelCount, height, width] = x.shape;
    const interleave = width! / imageShape[2];
    if (channelCount !== imageShape[0] || height !== imageShape[1] || !Number.isInteger(interleave))
      throw new Error(`${name} takes images [${imageShape.join(",")}], was given [${x.shape.join(",")}]`);
    return interleave;
  };
  const network: ImageNetwork = {
    name,
    inputShape: imageShape,
    classes,
    numParams,
    layout,
    channels,
    numStatistics,
    paperCount: numParams + numStatistics + channels.length,
    forward: (theta, x) => network.measure(theta, x).logits,
    measure(theta, x) {
      const pass = measuringPass(interleaveOf(x));
      const logits = run(theta, x, pass);
      return { logits, statistics: pass.statistics() };
    },
    forwardWith(theta, x, statistics) {
      if (statistics.shape[1] !== numStatistics)
        throw new Error(`${name} has ${numStatistics} statistics, was given [${statistics.shape.join(",")}]`);
      return run(theta, x, givenPass(interleaveOf(x), statistics));
    },
  };
  return network;
}
