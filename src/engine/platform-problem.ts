import type { Facts } from "./platform.ts";

/** Why a platform has no facts. */
export interface PlatformProblem {
  readonly reason: string;
  readonly message: string;
  readonly remedy: string;
}

export function isPlatformProblem(answer: Facts | PlatformProblem): answer is PlatformProblem {
  return typeof answer.reason === "string" && typeof answer.message === "string" && typeof answer.remedy === "string";
}
