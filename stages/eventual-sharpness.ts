/** How sharp a model gets when its learning rate is reduced at some epoch and training goes on, stably, to its completion. */
import type { FloatArray } from "../src/numerics/float-array.ts";
import { gradientDescent } from "../src/numerics/gradient-descent.ts";
import { initialise } from "../src/numerics/networks.ts";
import type { Objective } from "../src/numerics/objective.ts";
import { type Checkpoint, trackSpectrum } from "../src/numerics/spectrum.ts";
import { createThinned } from "../src/numerics/thinned.ts";
import { type BatchMember, defineStage } from "../src/stage.ts";
import { groupBy } from "./shared/group.ts";
import { withObjective } from "./shared/objective.ts";
import { paramsOf } from "./shared/params.ts";
import { writeTable } from "./shared/tables.ts";

/** Epochs between candidates for a measurement, and how many of them are kept: 16 to 32, evenly over the stable phase. */
const STRIDE = 20;
const KEPT = 32;
/** In units of 1/η: what an instability at the switch leaves in the sharp directions has decayed by e⁻² or more, S ≥ 2/η. */
const SETTLING = 1;

interface Switch {
  readonly before: number;
  readonly at: number;
  readonly after: number;
  readonly seed: number;
}

export default defineStage({
  async runBatch(members) {
    const { network, epochs, tol } = paramsOf(members[0]!, { network: "sizes", epochs: "count", tol: "number" });
    await withObjective(members[0]!, network, async (objective) => {
      const runs = members.map((member) => ({ member, ...switchOf(member) }));
      for (const [, group] of groupBy(runs, ({ after }) => after)) await follow(objective, group, { epochs, tol });
    });
  },
});

function switchOf(member: BatchMember): Switch {
  return paramsOf(member, { before: "number", at: "count", after: "number", seed: "count" });
}

async function follow(
  objective: Objective,
  group: readonly (Switch & { readonly member: BatchMember })[],
  { epochs, tol }: { readonly epochs: number; readonly tol: number },
): Promise<void> {
  const kept = group.map(() => createThinned<Checkpoint>(KEPT));
  const runs = await gradientDescent(
    objective,
    group.map(({ before, at, after, seed }) => ({
      theta: initialise(objective.network, seed),
      rate: { before, at, after },
    })),
    {
      epochs,
      isCheckpoint: (epoch) => epoch % STRIDE === 0,
      onCheckpoint(replica, epoch, theta: FloatArray) {
        if (epoch >= group[replica]!.at) kept[replica]!.add({ epoch, theta });
      },
      // The group advances together: its first member speaks for all.
      onProgress: (done) => group[0]!.member.progress({ done, total: epochs, unit: "epochs" }),
    },
  );
  for (const [i, { member, before, at, after, seed }] of group.entries())
    await member.settle(async () => {
      const { ending, theta } = runs[i]!;
      const checkpoints = [...kept[i]!.values()];
      if (ending.epoch >= at && checkpoints.at(-1)?.epoch !== ending.epoch)
        checkpoints.push({ epoch: ending.epoch, theta });
      const rows: { epoch: number; sharpness: number; residual: number }[] = [];
      for await (const { epoch, values, residuals, status } of trackSpectrum(objective, checkpoints, 1, { tol })) {
        if (status === "not-finite") break;
        rows.push({ epoch, sharpness: values[0]!, residual: residuals[0]! / Math.abs(values[0]!) });
        member.progress({ done: rows.length, total: checkpoints.length, unit: "checkpoints" });
      }
      const settled = rows.filter(({ epoch }) => at === 0 || epoch >= at + SETTLING / after);
      const highest = settled.reduce<(typeof rows)[number] | undefined>(
        (best, row) => (best === undefined || row.sharpness > best.sharpness ? row : best),
        undefined,
      );
      const maximum = highest === undefined ? null : { epoch: highest.epoch, sharpness: highest.sharpness };
      member.log(`${ending.reason} at epoch ${ending.epoch}, S at most ${maximum?.sharpness ?? "unknown"}`);
      writeTable(member, "table", { before, at, after, seed, ending, rows, maximum });
    });
}
