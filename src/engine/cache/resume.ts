import { mkdirSync, readdirSync, rmdirSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { isBusy, tryLock } from "../files/lock.ts";
import type { Store } from "../files/store.ts";
import type { InstanceName, Key } from "../plan/plan.ts";

/**
 * The folder in which an action keeps what it needs to go on after it was killed; made if it is not there. Those of the
 * instance's other keys are removed: nothing can go on from them. Its caller holds the lock of the key.
 */
export function openResume(store: Store, instance: InstanceName, key: Key): string {
  const folder = store.resume(instance, key);
  mkdirSync(folder, { recursive: true });
  for (const other of readdirSync(dirname(folder)) as Key[]) {
    if (other === key) continue;
    // Another run may be at it, with other params.
    const lock = tryLock(store, store.lock(other));
    if (isBusy(lock)) continue;
    rmSync(store.resume(instance, other), { recursive: true, force: true });
    lock.release();
  }
  return folder;
}

/** The action is complete: there is nothing to go on with. */
export function closeResume(store: Store, instance: InstanceName, key: Key): void {
  const folder = store.resume(instance, key);
  rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  try {
    rmdirSync(dirname(folder));
  } catch {
    // Another key's is still there.
  }
}
