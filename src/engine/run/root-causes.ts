import type { Reason } from "../plan/event.ts";

/**
 * What did it, at the root: reasons of the instance itself, and instead of "a dep has other bytes" the reasons of what made
 * the dep. `reasonsOf` is `undefined` where nothing is known of an instance: then its bytes are all there is to tell.
 */
export function rootCauses(
  instance: string,
  reasonsOf: (instance: string) => readonly Reason[] | undefined,
  seen: Set<string> = new Set(),
): Reason[] {
  if (seen.has(instance)) return [];
  seen.add(instance);
  const causes = (reasonsOf(instance) ?? []).flatMap((reason) => {
    if (reason.kind !== "dep") return [reason];
    const producer = reason.subject.slice(0, reason.subject.lastIndexOf("."));
    const upstream = rootCauses(producer, reasonsOf, seen);
    return upstream.length > 0 || (seen.has(producer) && reasonsOf(producer) !== undefined) ? upstream : [reason];
  });
  return [...new Map(causes.map((cause) => [JSON.stringify(cause), cause])).values()];
}
