import { type ImageNetworkSpec, imageNetwork } from "../../src/numerics/image-networks.ts";
import { type ImageObjective, makeImageObjective, RESIDUAL_BUDGET } from "../../src/numerics/image-objective.ts";
import type { DeviceName, Runtime } from "../../src/runtimes/runtime.ts";
import type { BatchStage, StageContext } from "../../src/stage.ts";
import { readImageData } from "./image-data.ts";
import { paramsOf } from "./params.ts";
import { createRuntimes } from "./runtimes.ts";

/**
 * The ghost loss of an instance's params `network`, `ghostBatch` and `averaging` on its dep `data`, on the device that the
 * platform found; splits `train` and `test`. Instances that agree in all of this share one, and its compiled programs.
 */
export type ImageObjectives = (context: StageContext) => Promise<ImageObjective>;

/** Of the memory that a stage is granted, what may hold residuals: batches, their activations and buffers take the rest. */
const RESIDUALS = 0.5;

/** Bytes that may hold residuals: half of what the stage declares in `resources: { memory }`, 2 GiB where it declares nothing. */
export function residualBudget({ memory }: StageContext["resources"]): number {
  return memory === undefined ? RESIDUAL_BUDGET : RESIDUALS * memory;
}

/** A stage over image networks whose instances take turns in a process; what they share is disposed at the end. */
export function imagesInTurn<S>(
  run: (context: StageContext, objectives: ImageObjectives, shared: S) => Promise<void>,
  createShared: () => S,
): BatchStage {
  return {
    async runBatch(members) {
      const runtimes = createRuntimes();
      const opened = new Map<string, ImageObjective>();
      const open: ImageObjectives = async (context) => {
        const device = context.platform.device as DeviceName;
        const { path } = context.dep("data");
        const { network, ghostBatch, averaging } = paramsOf(context, {
          network: "network",
          ghostBatch: "count",
          averaging: "averaging",
        });
        const identity = JSON.stringify([device, path, network, ghostBatch, averaging]);
        const known = opened.get(identity);
        if (known !== undefined) return known;
        const runtime = await runtimes.open([device]);
        const objective = await openObjective(runtime, network, path, {
          ghostBatch,
          averaging,
          memory: { residuals: residualBudget(context.resources) },
        });
        opened.set(identity, objective);
        return objective;
      };
      const shared = createShared();
      try {
        for (const member of members) await member.settle(() => run(member, open, shared));
      } finally {
        for (const objective of opened.values()) await objective.dispose();
        await runtimes.dispose();
      }
    },
  };
}

function openObjective(
  runtime: Runtime,
  spec: ImageNetworkSpec,
  path: string,
  options: Parameters<typeof makeImageObjective>[3],
): Promise<ImageObjective> {
  const splits = { train: readImageData(path, "train"), test: readImageData(path, "test") };
  const { imageShape, classes } = splits.train;
  return makeImageObjective(runtime, imageNetwork(spec, { imageShape, classes }), splits, options);
}
