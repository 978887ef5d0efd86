import { setMaxListeners } from "node:events";
import type { ActionRecord } from "../plan/outcome.ts";
import type { Instance, Key } from "../plan/plan.ts";
import type { RemoteConfig } from "../remote/config.ts";
import { openRemote, type Remote } from "../remote/remote.ts";
import type { Engine, OpenRemote } from "./engine.ts";
import { reason, type Verdict } from "./examine.ts";

/** Asks the remote cache for records, for those who only look: within a time limit, and nothing of it is written down. */
export interface Asking {
  readonly open: OpenRemote;
  /** The same engine, in which what the remote cache tells is known as long as this process looks. */
  untraced(engine: Engine): Engine;
  /** Blobs that are gone here may be in the remote cache: it is asked whether it has the result still. */
  confirmed(instance: Instance, verdict: Verdict): Promise<Verdict>;
  /** The time begins now. */
  begin(): void;
  /** Nothing more is asked; says where the time was too short. */
  end(): void;
}

/** Somebody waits for the answer: what the remote cache has not said in this share of its time limit, it does not say. */
const PATIENCE = 0.5;
const OTHERWISE = "; what follows is what is known here";

export function openAsking(config: RemoteConfig, warn: (message: string) => void): Asking {
  const patience = new AbortController();
  setMaxListeners(0, patience.signal);
  const patienceMs = PATIENCE * config.timeoutMs;
  const seen = new Map<Key, ActionRecord>();
  let clock: NodeJS.Timeout | undefined;
  let remote: Remote | undefined;
  let [told, cut] = [false, false];
  const tell = (message: string): void => {
    told = true;
    warn(message);
  };
  const look: Remote["look"] = async (key, instance) => {
    const looked = await remote!.look(key, instance);
    if (looked.type === "unknown" && patience.signal.aborted) cut = true;
    return looked;
  };

  return {
    open(store, cas) {
      remote = openRemote(config, store, cas, patience.signal, tell, OTHERWISE);
      return { ...remote, look };
    },
    untraced(engine) {
      const { actions, history } = engine;
      return {
        ...engine,
        warn: tell,
        actions: {
          ...actions,
          get: (key) => seen.get(key) ?? actions.get(key),
          put: (record) => void seen.set(record.key, record),
        },
        history: {
          ...history,
          note(instance, key, outs, record) {
            if (!seen.has(key)) history.note(instance, key, outs, record);
          },
        },
      };
    },
    async confirmed(instance, verdict) {
      if (verdict.state !== "restorable" || verdict.remote === undefined || seen.has(verdict.key)) return verdict;
      if ((await look(verdict.key, instance)).type === "found") return verdict;
      const { key, manifest, outs: known, absent } = verdict;
      const reasons = absent.map((out) => reason("blob", out.path, undefined, "missing"));
      return { state: "stale", key, manifest, known, reasons };
    },
    begin() {
      clock = setTimeout(() => patience.abort(), patienceMs);
    },
    end() {
      clearTimeout(clock);
      if (cut && !told)
        tell(`the remote cache ${config.url} has not told all within ${patienceMs / 1000} s${OTHERWISE}`);
      remote?.close();
    },
  };
}
