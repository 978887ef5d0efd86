import { KilledError, startLineProcess } from "./line-process.ts";

export type ImageRowKind = "gradient" | "hvp" | "hvp-linearized";

export interface ImageRequest {
  readonly row: ImageRowKind;
  readonly iterations: number;
}

export interface ImageMeasurement {
  readonly milliseconds: readonly number[];
  /** Of all threads, per call. */
  readonly processorMilliseconds: number;
  /** Of the whole process since it started. */
  readonly peakMegabytes: number;
  /** Wrote the gradient or the product to this file, float32. */
  readonly result: string;
  /** Which of its formulations it took, where it has several. */
  readonly variant?: string;
}

export interface Absent {
  readonly absent: string;
}

/** The kernel killed the process, or whoever watches the machine's memory did. */
export const OUT_OF_MEMORY = "out of memory";

/** A process that answers timing requests on one network and one batch, one JSON object a line. */
export interface ImageContender {
  readonly name: string;
  measure(request: ImageRequest): Promise<ImageMeasurement | Absent>;
  stop(): Promise<void>;
}

export async function startImageContender(name: string, command: readonly string[]): Promise<ImageContender> {
  const { ask, stop } = await startLineProcess(name, command);
  return {
    name,
    stop,
    async measure(request) {
      try {
        return (await ask(request)) as ImageMeasurement | Absent;
      } catch (error) {
        if (error instanceof KilledError) return { absent: OUT_OF_MEMORY };
        throw error;
      }
    },
  };
}
