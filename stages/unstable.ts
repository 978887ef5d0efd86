/** One instability again, with other learning rates along its unstable directions, and by gradient flow. */
import { gradientFlow } from "../src/numerics/gradient-flow.ts";
import { hessianEigenpairs } from "../src/numerics/spectrum.ts";
import type { TopEigenpairs } from "../src/numerics/top-eigenpairs.ts";
import { stepWith, type UnstableUpdate, unstablePairs } from "../src/numerics/unstable-subspace.ts";
import { defineStage, StageError } from "../src/stage.ts";
import type { UnstableTable } from "./figures/cycle-tables.ts";
import type { InstabilitiesTable, SharpnessTable } from "./figures/mlp-tables.ts";
import { withObjective } from "./shared/objective.ts";
import { paramsOf } from "./shared/params.ts";
import { solveTally } from "./shared/solves.ts";
import { readTable, writeTable } from "./shared/tables.ts";
import { openTrajectory } from "./shared/tensors.ts";

const UPDATES: readonly (UnstableUpdate | "flow")[] = ["plain", "frozen", "reduced", "only", "sharpest", "flow"];

/** Runge–Kutta steps an epoch: stable to S = 2.78·4/η, more than five times the threshold. */
const FLOW_STEPS = 4;

export default defineStage({
  async run(context) {
    const { network, snapshot, epochs, k, tol } = paramsOf(context, {
      network: "sizes",
      snapshot: "count",
      epochs: "count",
      k: "count",
      tol: "number",
    });
    const { update: given } = context.params as { readonly update?: unknown };
    const update = UPDATES.find((name) => name === given);
    if (update === undefined)
      throw new StageError(`update is ${JSON.stringify(given)}`, `give one of ${UPDATES.join(", ")}`);
    const { eta, threshold, snapshots } = readTable<InstabilitiesTable>(context, "instabilities");
    const { baseline } = snapshots[snapshot]!;
    // Without an unstable direction there is nothing to follow.
    const unstable = readTable<SharpnessTable>(context, "sharpness").rows.find(
      ({ epoch, values }) => epoch >= baseline && values[0]! > threshold,
    );
    const start = update === "only" || update === "sharpest" ? (unstable?.epoch ?? baseline) : baseline;
    await withObjective(context, network, async (objective) => {
      const rows: UnstableTable["rows"][number][] = [];
      const gradient = async (theta: Float64Array | Float32Array) => (await objective.gradient(theta)).grad;
      let theta = openTrajectory(context.dep("checkpoints").path).at(start);
      const solves = solveTally({ k, tol });
      let before: TopEigenpairs | undefined;
      for (let epoch = start; epoch <= start + epochs; epoch++) {
        const { loss, grad } = await objective.gradient(theta);
        const pairs = await hessianEigenpairs(objective, theta, k, {
          tol,
          confirm: false,
          ...(before === undefined ? {} : { warmStart: before.restartVectors }),
        });
        solves.add(pairs, `epoch ${epoch}`);
        // A diverged run ends here; that is a result.
        if (pairs.status === "not-finite" || !Number.isFinite(loss[0]!)) break;
        rows.push({ epoch, loss: loss[0]!, values: pairs.values, unstable: unstablePairs(pairs, eta).values.length });
        theta =
          update === "flow"
            ? await gradientFlow(gradient, theta, eta, FLOW_STEPS)
            : stepWith(update, theta, grad, pairs, eta);
        before = pairs;
        context.progress({ done: rows.length, total: epochs + 1, unit: "epochs" });
      }
      const sharpness = rows.map(({ values }) => values[0]!);
      context.log(`${update}: S from ${sharpness[0]} to ${sharpness.at(-1)} in ${rows.length - 1} epochs`);
      const table: UnstableTable = { eta, threshold, snapshot, update, start, rows };
      writeTable(context, "table", { ...table, solves: solves.summary() });
    });
  },
});
