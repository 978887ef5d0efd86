import { isSafetensorsFailure, readSafetensorsHeader } from "../../src/formats/safetensors.ts";
import { type ImageNetworkSpec, paperNetwork } from "../../src/numerics/image-networks.ts";
import { type StageContext, StageError } from "../../src/stage.ts";
import type { Study } from "../figures/image-tables.ts";

const NAMES = { vgg10: "VGG10", vgg19: "VGG19", resnet20: "ResNet20" } as const;
const KINDS = { vgg: "VGG", resnet: "ResNet" } as const;

/** What a figure stage's study is about: its dep `data` and its param `network`. */
export function studyFrom(context: StageContext): Study {
  const { network } = (context.params ?? {}) as { readonly network?: ImageNetworkSpec };
  if (network === undefined) throw new StageError(`${context.name}: param 'network' is missing`);
  return studyOf(context.dep("data").path, network);
}

/** What a study is about, from its data set's header and its network's param. */
export function studyOf(dataset: string, network: ImageNetworkSpec): Study {
  const header = readSafetensorsHeader(dataset);
  if (isSafetensorsFailure(header))
    throw new StageError(header.message, "remove the artifact and run the pipeline again: it is made anew");
  const { tensors, metadata } = header;
  const count = (name: string): number => tensors[name]?.shape[0] ?? 0;
  const train = count("train.images");
  return {
    network: networkTitle(network),
    data: {
      name: metadata.name ?? "unknown",
      train,
      test: count("test.images"),
      copies: train > 0 && "train.augmentations" in tensors ? count("train.augmentations") / train : 1,
    },
  };
}

/** One of the paper's, by name or written out, or a miniature by its widths. */
export function networkTitle(network: ImageNetworkSpec): string {
  const known = paperNetwork(network);
  if (known !== undefined) return NAMES[known];
  const { kind, widths } = network as Exclude<ImageNetworkSpec, string>;
  return `miniature ${KINDS[kind]} (widths ${widths.join(", ")})`;
}
