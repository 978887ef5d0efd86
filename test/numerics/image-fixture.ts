import { afterAll, beforeAll, expect } from "vitest";
import { norm } from "../../src/numerics/basis.ts";
import type { FloatArray } from "../../src/numerics/float-array.ts";
import { type ImageNetwork, imageNetwork } from "../../src/numerics/image-networks.ts";
import {
  type ImageObjective,
  type ImageObjectiveOptions,
  makeImageObjective,
} from "../../src/numerics/image-objective.ts";
import type { ImageSource } from "../../src/numerics/image-source.ts";
import { standardNormal } from "../../src/numerics/rng.ts";
import type { Runtime } from "../../src/runtimes/runtime.ts";
import { trigonometricImages, trigonometricImageTheta } from "./image-cases.ts";

const IMAGE = [2, 8, 8] as const;
const CLASSES = 4;
const OPTIONS = { imageShape: IMAGE, classes: CLASSES, activation: "tanh" } as const;

export interface SmallNetwork {
  readonly name: string;
  readonly network: ImageNetwork;
}

/** Smooth, but for the pooling's masks, which no step of these tests changes. */
export const SMALL_NETWORKS: readonly SmallNetwork[] = [
  {
    name: "a small VGG with tanh",
    network: imageNetwork({ kind: "vgg", widths: [3, 4], convs: 1, dense: 5 }, OPTIONS),
  },
  {
    name: "a small ResNet with tanh",
    network: imageNetwork({ kind: "resnet", widths: [3, 4], blocks: 1 }, OPTIONS),
  },
];

/**
 * Roundoffs that results may be off by, relative to their norm: some six layers, each a sum of up to 8·8·8 terms that round
 * like √512 ≈ 23 roundoffs there and back, twice over in second derivatives, and as much again in what they amplify.
 */
export const SLACK = 2_000;

/** 8 + 8 + 4: the last ghost batch is a partial one. */
export const [COUNT, GHOST] = [20, 8];

/** One small network on one device, with an objective of it. Call it inside a `describe`. */
export function setUp(runtime: Runtime, { network }: SmallNetwork) {
  const u = runtime.unitRoundoff;
  const source = trigonometricImages(COUNT, IMAGE, CLASSES);
  const theta = trigonometricImageTheta(network);
  const P = network.numParams;
  const direction = (name: string): Float64Array => {
    const values = standardNormal({ seed: 7, name }, P);
    const length = norm(values);
    return values.map((value) => value / length);
  };
  const opened: ImageObjective[] = [];
  const open = async (options: ImageObjectiveOptions = {}, images: ImageSource = source): Promise<ImageObjective> => {
    const objective = await makeImageObjective(runtime, network, { train: images }, { ghostBatch: GHOST, ...options });
    opened.push(objective);
    return objective;
  };
  const context = {
    u,
    isDouble: u < 2 ** -40,
    network,
    source,
    theta,
    P,
    a: direction("a"),
    b: direction("b"),
    /** θ + step·v */
    moved: (v: FloatArray, step: number): Float64Array => theta.map((value, i) => value + step * v[i]!),
    open,
    objective: undefined as unknown as ImageObjective,
    /** ‖x − y‖ ≤ slack·u·‖y‖. */
    expectClose(x: FloatArray, y: ArrayLike<number>, slack = SLACK): void {
      const wanted = Float64Array.from(y);
      const error = norm(Float64Array.from(x, (value, i) => value - wanted[i]!));
      expect(error).toBeLessThanOrEqual(slack * u * norm(wanted));
    },
  };
  beforeAll(async () => {
    context.objective = await open();
  });
  afterAll(async () => {
    for (const each of opened) await each.dispose();
  });
  return context;
}
