/** An expected failure to get data: what is wrong with which file, and what to do about it. */
export interface DataFailure {
  readonly reason:
    | "data-missing"
    | "data-unreachable"
    | "data-not-gzip"
    | "data-truncated"
    | "data-wrong-content"
    | "data-wrong-shape"
    | "data-too-few"
    | "data-cache-unwritable"
    | "data-bad-mirror";
  readonly message: string;
  readonly remedy: string;
}

export function isDataFailure(value: unknown): value is DataFailure {
  return typeof value === "object" && value !== null && "reason" in value;
}
