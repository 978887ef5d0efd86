import { openRuntime } from "../../src/runtimes/open.ts";
import type { DeviceName, Runtime, RuntimeUnavailable } from "../../src/runtimes/runtime.ts";
import { isUnavailable } from "../../src/runtimes/unavailable.ts";
import { StageError } from "../../src/stage.ts";

/** The runtimes of a process, each opened once. */
export interface Runtimes {
  /** On the first of these devices that is there. */
  open(devices: readonly DeviceName[]): Promise<Runtime>;
  dispose(): Promise<void>;
}

export function createRuntimes(): Runtimes {
  const opened = new Map<DeviceName, Runtime>();
  return {
    async open(devices) {
      let failure: RuntimeUnavailable | undefined;
      for (const device of devices) {
        const runtime = opened.get(device) ?? (await openRuntime(device));
        if (!isUnavailable(runtime)) {
          opened.set(device, runtime);
          return runtime;
        }
        failure ??= runtime;
      }
      throw new StageError(failure!.message, failure!.remedy);
    },
    async dispose() {
      for (const runtime of opened.values()) await runtime.dispose();
    },
  };
}
