import type { Event } from "../plan/event.ts";
import type { Instance, InstanceName } from "../plan/plan.ts";
import type { Remote } from "../remote/remote.ts";
import { reason, type Verdict } from "../survey/examine.ts";
import type { Need } from "../survey/scheduler.ts";
import { explainLoss } from "./perform.ts";

type Restorable = Verdict & { readonly state: "restorable" };

/** Results that are known and that nothing needed here so far: their blobs were left in the remote cache. */
export interface Left {
  leave(instance: InstanceName, verdict: Restorable): void;
  isEmpty(): boolean;
  /** Has the blobs of an instance's deps brought here; where the remote cache does not give them, they are made again. */
  bring(instance: Instance): Promise<Need>;
  /** What became of each that is still left: restored where something read it, else fresh. */
  ends(): (Event & { readonly type: "fresh" | "restored" })[];
}

export interface LeftOptions {
  readonly remote: Remote | undefined;
  readonly signal: AbortSignal;
  readonly warn: (message: string) => void;
  /** Is told what has to be made again. */
  readonly lost: (instance: InstanceName, verdict: Verdict & { readonly state: "stale" }) => void;
}

export function openLeft({ remote, signal, warn, lost }: LeftOptions): Left {
  const left = new Map<InstanceName, Restorable>();
  const touched = new Set<InstanceName>();
  return {
    leave: (instance, verdict) => void left.set(instance, verdict),
    isEmpty: () => left.size === 0,
    async bring(instance) {
      const redo = new Set<InstanceName>();
      let changed = false;
      const from = instance.deps.flatMap((dep) => (dep.type === "out" ? dep.from : []));
      await Promise.all(
        from.map(async ({ instance: producer, out }) => {
          const verdict = left.get(producer);
          const planned = verdict?.absent.find(({ name }) => name === out);
          if (verdict === undefined || planned === undefined) return;
          const fetched = (await remote?.fetch(verdict.outs[out]!)) ?? "missing";
          if (fetched === "here") touched.add(producer);
          else if (signal.aborted || redo.has(producer)) return;
          else if (left.get(producer) === verdict) {
            warn(explainLoss(planned.path, producer, fetched));
            left.delete(producer);
            const { key, manifest, outs: known } = verdict;
            const reasons = [reason("blob", planned.path, undefined, fetched)];
            lost(producer, { state: "stale", key, manifest, known, reasons });
            redo.add(producer);
          } else changed = true;
        }),
      );
      return redo.size > 0 || changed ? { redo: [...redo] } : "execution";
    },
    ends: () =>
      [...left].map(([instance, { key, reasons }]) =>
        touched.has(instance)
          ? { type: "restored", instance, key, seconds: 0, reasons, remote: true }
          : { type: "fresh", instance, key, remote: true },
      ),
  };
}
