import { startLineProcess } from "./line-process.ts";

export interface Row {
  readonly row: "step" | "descent" | "hvp" | "hvp-linearized";
  readonly replicas: number;
  readonly iterations: number;
}

export interface Measurement {
  readonly milliseconds: readonly number[];
  /** Of replica 0: the loss, and the norm of the gradient or of Hv. They show that all contenders compute the same. */
  readonly loss: number;
  readonly norm: number;
}

/** A process that answers timing requests, one JSON object a line (`peers.py`, `ours.ts`). */
export interface Contender {
  readonly name: string;
  measure(row: Row): Promise<Measurement | undefined>;
  stop(): void;
}

export async function startContender(name: string, command: readonly string[]): Promise<Contender> {
  const { ask, stop } = await startLineProcess(name, command);
  return {
    name,
    async measure(row) {
      const answer = (await ask(row)) as Measurement | { absent: true };
      return "absent" in answer ? undefined : answer;
    },
    stop: () => void stop(),
  };
}
