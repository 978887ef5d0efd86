import { mkdirSync } from "node:fs";
import { availableParallelism } from "node:os";
import { basename, join } from "node:path";
import type { DepFile, Progress } from "../../stage.ts";
import type { Action, ActionEnd, ActionHooks } from "../actions/action.ts";
import { collectOuts } from "../actions/collect.ts";
import type { Validator } from "../actions/validate-out.ts";
import { blobsOf } from "../cache/blobs.ts";
import { syncsAfter, writeThrough } from "../cache/durable.ts";
import { openLog } from "../cache/logs.ts";
import { closeResume, openResume } from "../cache/resume.ts";
import { isBusy, lockFreed, tryLock } from "../files/lock.ts";
import { isFailure } from "../keys/code-digest.ts";
import { type Inputs, isSingleFile } from "../keys/inputs.ts";
import type { Emit, Failure } from "../plan/event.ts";
import { processorName } from "../plan/machine.ts";
import type { ActionRecord, Outs } from "../plan/outcome.ts";
import type { Instance, InstanceName, Key, PlannedOut } from "../plan/plan.ts";
import type { Fetched } from "../remote/remote.ts";
import type { Engine } from "../survey/engine.ts";
import { reason, type Verdict } from "../survey/examine.ts";
import type { Slot } from "../survey/scheduler.ts";

export interface Performer {
  readonly engine: Engine;
  readonly inputs: Inputs;
  readonly execute: (action: Action, hooks: ActionHooks) => Promise<ActionEnd>;
  readonly validator: Validator;
  readonly signal: AbortSignal;
  readonly emit: Emit;
  /** Is told the earlier and the new result instead of the new one being kept: for `verify --rerun`. */
  readonly rehearse: ((engine: Engine, instance: Instance, before: Outs, after: Outs) => void) | undefined;
  /** The outs of what is done so far. */
  readonly outs: ReadonlyMap<InstanceName, Outs>;
}

export type Result =
  | { readonly type: "ran" | "restored"; readonly outs: Outs; readonly seconds: number }
  | { readonly type: "failed"; readonly failure: Failure; readonly seconds: number }
  | { readonly type: "interrupted" }
  /** Something has changed since the verdict: look again, after this if it is there. */
  | { readonly type: "again"; readonly after?: Promise<void>; readonly alone?: boolean }
  /** The cached result turned out to be damaged: only running helps. */
  | { readonly type: "damaged"; readonly verdict: Verdict & { readonly state: "stale" } };

/** Puts cached outs in their place. */
export async function restore(
  { engine, emit, signal }: Pick<Performer, "engine" | "emit" | "signal">,
  instance: Instance,
  { key, manifest, outs, absent, remote }: Verdict & { readonly state: "restorable" },
): Promise<Result> {
  const started = performance.now();
  const lost = (out: PlannedOut, damage: string, message: string): Result => {
    emit({ type: "warning", message });
    const reasons = [reason("blob", out.path, undefined, damage)];
    return { type: "damaged", verdict: { state: "stale", key, manifest, known: outs, reasons } };
  };
  if (remote !== undefined) {
    const fetched = await Promise.all(absent.map((out) => engine.remote?.fetch(outs[out.name]!) ?? "missing"));
    if (signal.aborted) return { type: "interrupted" };
    const at = fetched.findIndex((answer) => answer !== "here");
    if (at !== -1) return lost(absent[at]!, fetched[at]!, explainLoss(absent[at]!.path, instance.name, fetched[at]!));
  }
  for (const out of absent) {
    const placed = await engine.artifacts.place(out, outs[out.name]!);
    if (placed === "placed") continue;
    const message = `the cached ${out.path} of ${instance.name} is ${placed.damage}: it is made again`;
    return lost(out, placed.damage, message);
  }
  engine.history.noteRestore(instance.name, key, outs, () => engine.actions.touch(key));
  return { type: "restored", outs, seconds: secondsSince(started) };
}

/** What the remote cache has not given. */
export function explainLoss(path: string, instance: InstanceName, fetched: Fetched): string {
  const what = {
    here: "here",
    missing: "not in the remote cache any more",
    corrupted: "corrupted in the remote cache",
    unknown: "not to be had from the remote cache",
  }[fetched];
  return `${path} of ${instance} is ${what}: it is made again`;
}

/** Runs an action, unless another process is running it or has just finished it, and keeps what it made. */
export async function run(
  performer: Performer,
  instance: Instance,
  verdict: Verdict & { readonly state: "stale" },
  slot: Slot,
): Promise<Result> {
  const { engine, emit, signal } = performer;
  const { key, known } = verdict;
  const path = engine.store.lock(key);
  const lock = tryLock(engine.store, path);
  if (isBusy(lock)) {
    const who = lock.holder === undefined ? "another process" : `process ${lock.holder.pid}`;
    emit({ type: "warning", message: `${instance.name} is being run by ${who}; waiting for its result` });
    return { type: "again", after: lockFreed(path, signal) };
  }
  try {
    // Whoever had the lock a moment ago may have finished it.
    if (known === undefined && engine.actions.get(key) !== undefined) return { type: "again" };
    if (await performer.inputs.refresh(instance)) return { type: "again" };
    return await execute(performer, instance, verdict, slot);
  } finally {
    lock.release();
  }
}

async function execute(
  performer: Performer,
  instance: Instance,
  { key, manifest, known, reasons }: Verdict & { readonly state: "stale" },
  slot: Slot,
): Promise<Result> {
  const { engine, inputs, signal, emit } = performer;
  const damaged = await restoreDeps(performer, instance);
  if (damaged !== undefined) return failed(damaged, 0);

  const folder = engine.store.work();
  const log = openLog(engine.store.workspace, instance.name);
  try {
    const action = prepare(performer, instance, key, folder, slot);
    const before = stampsOf(performer, instance);
    const { names } = slot;
    const batch = names.length === 1 ? {} : { batch: { first: names[0]!, size: names.length } };
    emit({ type: "started", instance: instance.name, key, reasons, ...batch });
    const started = performance.now();
    const went = openCourse();
    const end = await performer.execute(action, {
      signal,
      onProgress(progress) {
        went.add(progress);
        emit({ type: "progress", instance: instance.name, progress });
      },
      onJob: (job) => emit({ type: "job", instance: instance.name, ...job }),
      onLine(stream, line) {
        log.line(line);
        emit({ type: "output", instance: instance.name, stream, line });
      },
      tail: log.tail,
    });
    if (end.type === "interrupted") return { type: "interrupted" };
    if (end.type === "unsettled") {
      const { failure } = end;
      if (failure !== undefined) {
        const message = `a batch of ${instance.stage} was not finished: ${failure.message}; the rest of it runs one by one`;
        emit({ type: "warning", message });
      }
      return { type: "again", alone: true };
    }
    const seconds = end.seconds ?? secondsSince(started);
    if (end.type === "failed") return failed(end.failure, seconds);

    const changed = changedBetween(before, stampsOf(performer, instance));
    if (changed !== undefined) {
      return failed(
        {
          reason: "input-changed",
          message: `${changed} changed while ${instance.name} was reading it; the result is not kept`,
          remedy: "run again",
          output: [],
        },
        seconds,
      );
    }
    const collected = await collectOuts(instance, action.outs, inputs, engine.cas, performer.validator, log.tail);
    if ("failure" in collected) return failed(collected.failure, seconds);
    const { outs } = collected;
    if (performer.rehearse !== undefined && known !== undefined) {
      performer.rehearse(engine, instance, known, outs);
      return { type: "ran", outs: known, seconds };
    }
    const cpu = end.cpu ?? processorName();
    // From here on the result is known to everyone: the record comes after all its blobs.
    const record: ActionRecord = {
      key,
      instance: instance.name,
      manifest,
      outs: outs as Outs,
      seconds,
      ...(instance.work === undefined ? {} : { work: instance.work }),
      when: new Date().toISOString(),
      ...(cpu === undefined ? {} : { cpu }),
    };
    engine.actions.put(record);
    engine.remote?.push(record);
    // Before it counts as done, and before what it could go on from is removed.
    if (seconds >= syncsAfter(engine.environment)) {
      const blobs = blobsOf(outs as Outs, engine.cas).map((digest) => engine.store.blob(digest));
      await writeThrough([...blobs, engine.store.action(key)]);
    }
    if (instance.resume === true) closeResume(engine.store, instance.name, key);
    const other = instance.outs.find(
      ({ name }) => known?.[name] !== undefined && known[name].digest !== outs[name]!.digest,
    );
    if (other !== undefined) {
      emit({
        type: "warning",
        message: `${instance.name} made another ${other.path} than before from the same inputs: it is not deterministic`,
      });
    }
    for (const out of instance.outs) {
      const placed = await engine.artifacts.place(out, outs[out.name]!);
      if (placed === "placed") continue;
      return failed(
        {
          reason: "io-error",
          message: `${out.path} could not be read back from the cache (blob ${placed.digest} is ${placed.damage})`,
          remedy: "check the disk, then run again",
          output: log.tail(),
        },
        seconds,
      );
    }
    engine.history.note(instance.name, key, outs, { seconds, work: instance.work });
    // What another machine takes says nothing of this one.
    if (end.cpu === undefined) engine.costs.note(instance, inputs, seconds, went.done());
    return { type: "ran", outs, seconds };
  } finally {
    log.close();
    engine.store.finished(folder);
  }
}

/** By how much progress went on in this execution: one that was killed before begins where that one was. */
function openCourse() {
  let first: number | undefined;
  let last: number | undefined;
  return {
    add({ done }: Progress): void {
      first ??= done <= 1 ? 0 : done;
      last = done;
    },
    done: () => (last === undefined || first === undefined ? undefined : last - first),
  };
}

/** Somebody may have edited a dep since it was found fresh: the action must read what its key says. */
async function restoreDeps({ engine, inputs, outs }: Performer, instance: Instance): Promise<Failure | undefined> {
  for (const dep of instance.deps) {
    if (dep.type !== "out") continue;
    for (const from of dep.from) {
      const result = outs.get(from.instance)?.[from.out];
      const found = inputs.out(from.instance, from.out);
      if (result === undefined || found === undefined) throw new Error(`${instance.name} runs before ${from.instance}`);
      if ((await engine.artifacts.inspect(found.planned, result)) === "same") continue;
      const placed = await engine.artifacts.place(found.planned, result);
      if (placed === "placed") continue;
      return {
        reason: "input-changed",
        message: `${found.planned.path} was changed while the pipeline was running, and its cached copy is ${placed.damage}`,
        remedy: "run again: it is then made anew",
        output: [],
      };
    }
  }
  return undefined;
}

function prepare(
  performer: Performer,
  instance: Instance,
  key: Key,
  folder: string,
  { grant, parallel }: Slot,
): Action {
  const { inputs } = performer;
  const temporary = join(folder, "tmp");
  mkdirSync(temporary, { recursive: true });
  const outs = instance.outs.map(({ name, path, kind }) => {
    // Under its own name: programs look at extensions. Two outs of one name get a folder each.
    const twin = instance.outs.some((other) => other.name !== name && basename(other.path) === basename(path));
    const place = twin ? join(folder, "outs", name) : join(folder, "outs");
    const target = join(place, basename(path));
    mkdirSync(kind === "directory" ? target : place, { recursive: true });
    return [name, target] as const;
  });
  const code = instance.action.type === "run" ? inputs.code(instance.action.module) : undefined;
  if (code !== undefined && isFailure(code)) throw new Error(`${instance.name} has no code to run`);
  return {
    instance,
    key,
    code,
    deps: Object.fromEntries(instance.deps.map((dep) => [dep.name, depOf(inputs, dep)])),
    outs: Object.fromEntries(outs),
    temporary,
    facts: instance.platform === undefined ? {} : inputs.facts(instance.platform),
    // Declared cores are its own; otherwise those of the machine are shared.
    threads: Math.max(1, Math.floor(instance.resources?.cpu ? grant.cpu : availableParallelism() / parallel)),
    grant,
    resume:
      instance.resume !== true
        ? undefined
        : // A rehearsal starts from nothing.
          performer.rehearse === undefined
          ? openResume(performer.engine.store, instance.name, key)
          : ownFolder(folder, "resume"),
  };
}

function ownFolder(folder: string, name: string): string {
  const path = join(folder, name);
  mkdirSync(path);
  return path;
}

function depOf(
  inputs: Inputs,
  dep: Instance["deps"][number],
): { readonly each: boolean; readonly files: readonly DepFile[] } {
  if (dep.type === "files") {
    const files = inputs.matches(dep.patterns).map((path) => ({ path, instance: {} }));
    return { each: !isSingleFile(dep.patterns), files };
  }
  const files = dep.from.map(({ instance, out }) => {
    const { producer, planned } = inputs.out(instance, out)!;
    return { path: planned.path, instance: producer.matrix };
  });
  return { each: dep.each, files };
}

/** What `stat` says of everything that an action reads: different afterwards means that nobody knows what it read. */
function stampsOf({ engine, inputs }: Performer, instance: Instance): ReadonlyMap<string, string> {
  const stamps = new Map<string, string>();
  for (const dep of instance.deps) {
    if (dep.type === "files") {
      for (const path of inputs.matches(dep.patterns)) stamps.set(path, engine.files.glance(path)?.stamp ?? "");
    } else {
      for (const { instance: producer, out } of dep.from) {
        const { planned } = inputs.out(producer, out)!;
        stamps.set(planned.path, engine.artifacts.stamp(planned));
      }
    }
  }
  return stamps;
}

function changedBetween(before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): string | undefined {
  for (const [path, stamp] of before) if (after.get(path) !== stamp) return path;
  return undefined;
}

function failed(failure: Failure, seconds: number): Result {
  return { type: "failed", failure, seconds };
}

function secondsSince(started: number): number {
  return Math.round(performance.now() - started) / 1000;
}
