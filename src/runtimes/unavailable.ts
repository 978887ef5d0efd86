import type { Runtime, RuntimeUnavailable } from "./runtime.ts";

export function unavailable(message: string, remedy: string): RuntimeUnavailable {
  return { reason: "runtime-unavailable", message, remedy };
}

export function isUnavailable(value: Runtime | RuntimeUnavailable): value is RuntimeUnavailable;
export function isUnavailable<T extends object>(value: T | RuntimeUnavailable): value is RuntimeUnavailable;
export function isUnavailable(value: object): value is RuntimeUnavailable {
  return "reason" in value && value.reason === "runtime-unavailable";
}
