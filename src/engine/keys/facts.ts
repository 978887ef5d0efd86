import type { Json } from "../../stage.ts";

/** What a platform module has found on a machine: part of the keys of what runs there. */
export type Facts = { readonly [key: string]: Json };

/** One line for people: the fact named `device` where there is one, else all facts that are texts or numbers. */
export function describeFacts(facts: Facts): string {
  if (typeof facts.device === "string") return facts.device;
  return Object.entries(facts)
    .filter(([, value]) => typeof value === "string" || typeof value === "number")
    .map(([key, value]) => `${key} ${value}`)
    .join(", ");
}
