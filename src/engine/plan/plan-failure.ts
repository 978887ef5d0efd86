/** Why a whole plan cannot be run or looked at: the platform is not there, the cache folder cannot be used. */
export interface PlanFailure {
  /** kebab-case: `platform-unavailable`, `platform-failed`, `not-writable`, `disk-full`, … */
  readonly reason: string;
  readonly message: string;
  readonly remedy: string;
}
