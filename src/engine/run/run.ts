import { setMaxListeners } from "node:events";
import { availableParallelism } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { openClaims } from "../actions/claims.ts";
import { type Batch, localExecutor, openBatch } from "../actions/executor.ts";
import { openValidator } from "../actions/validate-out.ts";
import type { Sightings } from "../files/sightings.ts";
import { describeFacts } from "../keys/facts.ts";
import type { Environment } from "../plan/environment.ts";
import type { Emit, Event, Failure, Summary } from "../plan/event.ts";
import { budgetOf, type Declared } from "../plan/machine.ts";
import { contentOf, type Outs } from "../plan/outcome.ts";
import type { Instance, InstanceName, Plan } from "../plan/plan.ts";
import { isPlanFailure, type PlanFailure } from "../plan/plan-failure.ts";
import { retryAfter } from "../plan/retry.ts";
import { closureOf } from "../plan/targets.ts";
import type { RemoteConfig } from "../remote/config.ts";
import { type Engine, inputsOf, type OpenRemote, openEngine, saveEngine } from "../survey/engine.ts";
import { examine, type Verdict } from "../survey/examine.ts";
import { excessive } from "../survey/excessive.ts";
import { expectedSeconds } from "../survey/expected.ts";
import { type Outlook, openOutlook } from "../survey/outlook.ts";
import { togetherOf } from "../survey/queue.ts";
import { type Need, type Performed, type Slot, schedule } from "../survey/scheduler.ts";
import { producersOf } from "../survey/survey.ts";
import type { Task } from "../survey/task.ts";
import { explainIo } from "../system/io-error.ts";
import { openLeft } from "./left.ts";
import { type Performer, restore, run } from "./perform.ts";
import { type Done, recordOnce } from "./record.ts";

export type { PlanFailure } from "../plan/plan-failure.ts";

export interface RunOptions {
  /** How many actions at a time. */
  readonly jobs: number;
  /** Run the targets (all instances where none is named) even where their results are known; not what they depend on. */
  readonly force: boolean;
  /** After a failure go on with all that does not depend on it. */
  readonly keepGoing: boolean;
  /** Stops children and starts nothing more. */
  readonly signal: AbortSignal;
  readonly environment: Environment;
  /** Bring pipeline.lock up to date: for runs of the default profile as it is. */
  readonly record?: boolean;
  /** Let strace tell what `cmd:` stages read: reading what is not declared is then their failure. */
  readonly trace?: boolean;
  /** What the run may use of the machine, where that is not what is found. */
  readonly resources?: Declared;
  /** A cache that other machines share. */
  readonly remote?: RemoteConfig | undefined;
  /** Is told what the verdicts rest on. */
  readonly sightings?: Sightings | undefined;
  /** See `Performer`. */
  readonly rehearse?: Performer["rehearse"];
}

const SAVE_EVERY_MS = 5000;
const RESTORES_FROM_AFAR = 16;

/**
 * Makes the targets (all instances where none is named) and everything they depend on up to date, and tells everything
 * through `emit`, the summary last. Returns a `PlanFailure` where nothing can be run at all.
 */
export async function runPlan(
  plan: Plan,
  targets: readonly InstanceName[],
  options: RunOptions,
  emit: Emit,
): Promise<Summary | PlanFailure> {
  const started = performance.now();
  // Every child and every wait listens.
  setMaxListeners(0, options.signal);
  const warned = new Set<string>();
  const warn = (message: string): void => {
    if (!warned.has(message)) emit({ type: "warning", message });
    warned.add(message);
  };
  const { environment, signal, remote: config, sightings } = options;
  // Loaded only where one is named: a run without it pays nothing.
  const open = config === undefined ? undefined : (await import("../remote/remote.ts")).openRemote;
  const remote: OpenRemote | undefined = open && ((store, cas) => open(config!, store, cas, signal, warn));
  const engine = openEngine(plan, environment, signal, warn, { asks: true, remote, sightings });
  try {
    const instances = targets.length === 0 ? plan.instances : closureOf(plan, targets);
    return await runInstances(engine, instances, targets, options, emit, started);
  } catch (error) {
    // What concerns one action has become its failure; this is the cache itself.
    const problem = explainIo(error, "using the cache in .pipeline");
    if (problem === undefined) throw error;
    return problem;
  } finally {
    engine.remote?.close();
    const trouble = saveEngine(engine);
    if (trouble !== undefined) warn(trouble);
    engine.store.close();
  }
}

async function runInstances(
  engine: Engine,
  instances: readonly Instance[],
  targets: readonly InstanceName[],
  { jobs, force, keepGoing, signal, environment, record = false, trace = false, resources = {}, rehearse }: RunOptions,
  tell: Emit,
  started: number,
): Promise<Summary | PlanFailure> {
  const { plan, store, code, history } = engine;
  let outlook: Outlook | undefined;
  const emit: Emit = (event) => {
    outlook?.observe(event);
    tell(event);
  };
  const untraceable = trace ? (await import("../actions/trace.ts")).traceProblem(environment) : undefined;
  if (untraceable !== undefined) return untraceable;
  const inputs = await inputsOf(engine, instances);
  if (isPlanFailure(inputs)) {
    if (!signal.aborted) return inputs;
    return summarise(emit, { ran: 0, restored: 0, fresh: 0, failed: 0, skipped: instances.length }, started);
  }
  // The cache folder fails for everyone or for no one: a run that cannot write it ends, instead of failing action by action.
  const broken = new AbortController();
  let problem: PlanFailure | undefined;
  const stop = AbortSignal.any([signal, broken.signal]);
  setMaxListeners(0, stop);
  const host = { plan, store, code, environment, trace };
  const warn = (message: string): void => emit({ type: "warning", message });
  const executor =
    plan.executor === "slurm"
      ? (await import("../slurm/executor.ts")).slurmExecutor(host, jobs, stop, warn)
      : localExecutor(host, stop, budgetOf(jobs, resources, environment));
  if (isPlanFailure(executor)) return executor;
  const { budget } = executor;
  // What a cluster has, it knows itself.
  const tooMuch = plan.executor === undefined ? await excessive(engine, inputs, instances, budget) : undefined;
  if (tooMuch !== undefined) return tooMuch;
  const platforms = [...new Set(instances.flatMap(({ platform }) => platform ?? []))];
  emit({
    type: "plan",
    profile: plan.profile,
    instances: instances.length,
    platform: platforms.map((name) => describeFacts(inputs.facts(name))).join("; "),
  });

  const byName = new Map(instances.map((instance) => [instance.name, instance]));
  const forced = new Set(force ? (targets.length === 0 ? byName.keys() : targets) : []);
  const outs = new Map<InstanceName, Outs>();
  const verdicts = new Map<InstanceName, Verdict>();
  /** Verdicts that a failed restore has left, for the next look. */
  const damaged = new Map<InstanceName, Verdict>();
  /** How many times an instance has failed. */
  const failures = new Map<InstanceName, number>();
  const counts = { ran: 0, restored: 0, fresh: 0, failed: 0, skipped: 0 };
  const batches = new WeakMap<Slot, Batch>();
  const batchOf = (slot: Slot): Batch => {
    const batch = batches.get(slot) ?? openBatch(executor.execute, slot.names.length);
    batches.set(slot, batch);
    return batch;
  };
  const performer: Omit<Performer, "execute"> = {
    engine,
    inputs,
    validator: openValidator(plan.workspace),
    signal: stop,
    emit,
    outs,
    rehearse,
  };
  const produced = (instance: InstanceName, out: string): string | undefined => {
    const result = outs.get(instance)?.[out];
    return result && contentOf(result);
  };
  const fail = (instance: InstanceName, failure: Failure, seconds: number): void => {
    counts.failed++;
    emit({ type: "failed", instance, failure, seconds });
  };
  let saved = performance.now();
  const saveNowAndThen = (): void => {
    if (performance.now() - saved < SAVE_EVERY_MS) return;
    saveEngine(engine);
    saved = performance.now();
  };

  // A run of targets has the outs of nothing else here that the remote cache holds, unless an action reads them.
  const wanted = targets.length === 0 || engine.remote === undefined ? undefined : new Set(targets);
  const left = openLeft({
    remote: engine.remote,
    signal: stop,
    warn,
    lost: (name, verdict) => damaged.set(name, verdict),
  });

  const judge = (instance: Instance, verdict: Verdict): Need | Promise<Need> => {
    const { name } = instance;
    verdicts.set(name, verdict);
    switch (verdict.state) {
      case "fresh":
        outs.set(name, verdict.outs);
        counts.fresh++;
        emit({ type: "fresh", instance: name, key: verdict.key });
        return "nothing";
      case "restorable":
        if (verdict.remote !== "vacant" || wanted?.has(name) !== false) return "restore";
        outs.set(name, verdict.outs);
        left.leave(name, verdict);
        return "nothing";
      case "stale":
        return left.isEmpty() ? "execution" : left.bring(instance);
      case "broken":
        fail(name, verdict.failure, 0);
        return "failed";
    }
  };

  const perform = async (instance: Instance, slot: Slot): Promise<Performed> => {
    const { name } = instance;
    const verdict = verdicts.get(name)!;
    if (verdict.state !== "restorable" && verdict.state !== "stale") throw new Error(`${name} is ${verdict.state}`);
    // The first write of all: where it fails, nothing else could be written either.
    try {
      store.scratch("start");
    } catch (error) {
      problem ??= explainIo(error, "writing to .pipeline");
      if (problem === undefined) throw error;
      broken.abort();
      return "interrupted";
    }
    const before = history.get(name)?.outs;
    const result = await (verdict.state === "restorable"
      ? restore(performer, instance, verdict)
      : run({ ...performer, execute: batchOf(slot).execute }, instance, verdict, slot));
    switch (result.type) {
      case "ran":
      case "restored":
        outs.set(name, result.outs);
        counts[result.type]++;
        emit(
          endOf(
            result,
            verdict,
            name,
            instance.outs
              .filter((out) => before?.[out.name]?.digest !== result.outs[out.name]!.digest)
              .map(({ path }) => path),
          ),
        );
        saveNowAndThen();
        return "done";
      case "failed": {
        const count = (failures.get(name) ?? 0) + 1;
        failures.set(name, count);
        const delay = retryAfter(instance.retries, result.failure, count);
        if (delay === undefined || stop.aborted) {
          fail(name, result.failure, result.seconds);
          return "failed";
        }
        const { failure } = result;
        const attempts = instance.retries!.times + 1;
        emit({ type: "retrying", instance: name, failure, attempt: count + 1, attempts, seconds: delay });
        const after = sleep(delay * 1000, undefined, { signal: stop }).catch(() => undefined);
        return { again: after, alone: true };
      }
      case "interrupted":
        return "interrupted";
      case "again":
        return { again: result.after, alone: result.alone === true };
      case "damaged":
        damaged.set(name, result.verdict);
        return { again: undefined };
    }
  };

  const claims = openClaims(environment, warn);
  let expected: ReadonlyMap<InstanceName, number> | undefined;
  const tasks = instances.map(
    (instance): Task => ({
      name: instance.name,
      producers: producersOf(instance),
      get seconds() {
        expected ??= expectedSeconds(engine, inputs, instances);
        return expected.get(instance.name) ?? 1;
      },
      demand: executor.demandOf(instance),
      // A rehearsal is alone: it shows whether results depend on the batch they were made in.
      together: rehearse === undefined ? togetherOf(instance, executor.spreads) : undefined,
    }),
  );
  outlook = openOutlook({
    tasks,
    budget,
    isStale: (name) => verdicts.get(name)?.state === "stale",
    expected: () => expectedSeconds(engine, inputs, instances),
    emit: tell,
  });
  await schedule(
    {
      tasks,
      // Restores are done here, wherever actions run.
      jobs: plan.executor === undefined ? jobs : Math.min(jobs, availableParallelism()),
      budget,
      claims,
      // Over a network they wait more than they work.
      restores: engine.remote === undefined ? undefined : RESTORES_FROM_AFAR,
      keepGoing,
      signal: stop,
    },
    {
      examine(name) {
        const instance = byName.get(name)!;
        const left = damaged.get(name);
        damaged.delete(name);
        if (left !== undefined) return judge(instance, left);
        const verdict = examine(engine, inputs, instance, produced, forced.has(name));
        return "state" in verdict ? judge(instance, verdict) : verdict.then((answer) => judge(instance, answer));
      },
      async perform(name, need, slot) {
        const instance = byName.get(name)!;
        if (need === "execution") outlook?.began(slot);
        try {
          return await perform(instance, slot);
        } catch (error) {
          const trouble = explainIo(error, `finishing ${name}`);
          if (trouble === undefined) throw error;
          fail(name, { ...trouble, output: [] }, 0);
          return "failed";
        } finally {
          batchOf(slot).leave(name);
        }
      },
      skipped(instance, because) {
        counts.skipped++;
        if (problem === undefined) emit({ type: "skipped", instance, because });
      },
      stepped: (states) => outlook?.stepped(states),
      elsewhere(what, holder) {
        emit({ type: "warning", message: `waiting for ${what}, which ${holder} has` });
      },
    },
    // On a bug, too, children are stopped.
  ).finally(async () => {
    broken.abort();
    claims.close();
    await executor.close();
  });
  for (const event of left.ends()) {
    counts[event.type]++;
    emit(event);
  }
  await engine.remote?.finish((unsent) => emit({ type: "remote-flush", ...unsent }));
  const givenUp = engine.remote?.givenUp() ?? 0;
  if (givenUp > 0) {
    const what = givenUp === 1 ? "1 result was" : `${givenUp} results were`;
    warn(`${what} not sent to the remote cache: \`pipeline cache push\` sends what is here`);
  }
  if (record && problem === undefined) {
    const done = instances.flatMap((instance): Done[] => {
      const verdict = verdicts.get(instance.name);
      const result = outs.get(instance.name);
      return verdict === undefined || verdict.state === "broken" || result === undefined
        ? []
        : [{ instance, key: verdict.key, outs: result }];
    });
    const trouble = recordOnce(store, plan, inputs, done, engine.sightings);
    if (trouble !== undefined) emit({ type: "warning", message: trouble });
  }
  return problem ?? summarise(emit, { ...counts, ...(engine.remote && { remote: engine.remote.tally() }) }, started);
}

function endOf(
  { type, seconds }: { readonly type: "ran" | "restored"; readonly seconds: number },
  verdict: Verdict & { readonly state: "restorable" | "stale" },
  instance: InstanceName,
  changed: readonly string[],
): Event {
  const { key, reasons } = verdict;
  if (type === "ran") return { type, instance, key, seconds, changed };
  const afar = "remote" in verdict ? { remote: true as const } : {};
  return { type, instance, key, seconds, reasons, changed, ...afar };
}

function summarise(emit: Emit, counts: Omit<Summary, "seconds">, started: number): Summary {
  const summary = { ...counts, seconds: Math.round(performance.now() - started) / 1000 };
  emit({ type: "summary", ...summary });
  return summary;
}
