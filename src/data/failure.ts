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

/** A file that is there and cannot be read. */
export function unreadable(path: string, message: string): DataFailure {
  return {
    reason: "data-missing",
    message: `${path} cannot be read: ${message}`,
    remedy: "make the file readable, and name its folder under reads: of the stage in pipeline.yaml",
  };
}

export function isDataFailure(value: unknown): value is DataFailure {
  return typeof value === "object" && value !== null && "reason" in value;
}
