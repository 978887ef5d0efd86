import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { isBusy, type Lock, tryLock } from "../files/lock.ts";
import { openStore, type Store } from "../files/store.ts";
import { digestOf } from "../plan/digest.ts";
import type { Environment } from "../plan/environment.ts";
import type { Claims } from "../plan/resources.ts";

/**
 * What all pipelines of a user on one machine respect: lock files in one folder, which name their holder as other locks
 * do, so that a killed one's are taken over at once. Where the folder cannot be written, each process is alone, and `warn` hears of it once.
 */
export function openClaims(environment: Environment, warn: (message: string) => void): Claims & { close(): void } {
  const held = new Map<string, Lock>();
  let store: Store | undefined;
  let alone = false;
  return {
    take(name) {
      if (alone) return "taken";
      try {
        store ??= openStore(folderOf(environment));
        const lock = tryLock(store, join(store.root, "locks", `${fileName(name)}.lock`));
        if (isBusy(lock))
          return { holder: lock.holder === undefined ? "another process" : `process ${lock.holder.pid}` };
        held.set(name, lock);
        return "taken";
      } catch (error) {
        alone = true;
        const { message } = error as Error;
        warn(`other pipelines of this machine are not seen, as lock files cannot be written: ${message}`);
        return "taken";
      }
    },
    release(name) {
      held.get(name)?.release();
      held.delete(name);
    },
    close() {
      for (const lock of held.values()) lock.release();
      held.clear();
      store?.close();
    },
  };
}

/** In the temporary folder, which a restart of the machine empties. */
function folderOf({ PIPELINE_LOCKS }: Environment): string {
  if (PIPELINE_LOCKS !== undefined && PIPELINE_LOCKS !== "") return PIPELINE_LOCKS;
  return join(tmpdir(), `pipeline-locks-${process.getuid?.() ?? userInfo().username}`);
}

function fileName(name: string): string {
  return /^[\w .=+-]{1,100}$/.test(name) ? name.replaceAll(" ", "~") : digestOf(name);
}
