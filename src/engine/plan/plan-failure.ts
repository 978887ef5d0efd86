/** Why a whole plan cannot be run or looked at: the platform is not there, the cache folder cannot be used. */
export interface PlanFailure {
  /** kebab-case: `platform-unavailable`, `platform-failed`, `not-writable`, `disk-full`, … */
  readonly reason: string;
  readonly message: string;
  readonly remedy: string;
}

/** Among what may also be a platform's facts, which have any names: all three are texts. */
export function isPlanFailure(value: object): value is PlanFailure {
  const { reason, message, remedy } = value as Partial<Record<keyof PlanFailure, unknown>>;
  return typeof reason === "string" && typeof message === "string" && typeof remedy === "string";
}
