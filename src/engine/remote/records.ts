import { parseRecord } from "../cache/action-cache.ts";
import { isDigest, short } from "../plan/digest.ts";
import type { ActionRecord } from "../plan/outcome.ts";
import type { Instance, Key } from "../plan/plan.ts";
import type { Access } from "./access.ts";
import { recordIn } from "./action-result.ts";
import type { RemoteConfig } from "./config.ts";
import { bytesOf } from "./content.ts";
import type { Transport } from "./http.ts";
import { readSigned } from "./signature.ts";

/** What the remote cache has under a key. */
export type Looked =
  | { readonly type: "found"; readonly record: ActionRecord }
  | { readonly type: "absent" }
  /** There is something, and it must not be used; said in a sentence. */
  | { readonly type: "unusable"; readonly why: string }
  /** Nobody knows: it does not answer, or not to us. */
  | { readonly type: "unknown" };

const MOST_RECORD = 64 << 20;

/** Asks for the record under a key, and believes it as far as it can be verified. */
export async function lookUp(
  transport: Transport,
  access: Access,
  { trusted }: RemoteConfig,
  key: Key,
  instance: Pick<Instance, "name" | "outs">,
): Promise<Looked> {
  if (!access.mayRead) return { type: "unknown" };
  const answer = await transport.send({
    method: "GET",
    path: `ac/${key}`,
    read: (content) => bytesOf(content, MOST_RECORD),
  });
  if (answer.type === "absent") return answer;
  if (answer.type !== "ok") {
    access.judge(answer, false);
    return { type: "unknown" };
  }
  const unusable = (why: string): Looked => ({
    type: "unusable",
    why: `what the remote cache has of ${instance.name} (${short(key)}) ${why}; it counts as missing`,
  });
  const text = recordIn(answer.value) ?? answer.value.toString("utf8");
  const { record: own, signature } = readSigned(text, trusted);
  if (trusted.length > 0 && signature !== "good") {
    return unusable(signature === "missing" ? "is not signed" : "is signed by nobody whom remote.trusted names");
  }
  const record = parseRecord(own, key);
  if (typeof record === "string") return unusable(record);
  return fits(record, instance) ? { type: "found", record } : unusable("does not fit its outs");
}

/** Whether a record says of an instance what the plan says: the bytes are verified, this is all there is to the rest. */
function fits(
  { instance, outs, seconds }: ActionRecord,
  { name, outs: planned }: Pick<Instance, "name" | "outs">,
): boolean {
  return (
    instance === name &&
    typeof seconds === "number" &&
    planned.every((out) => {
      const result = outs[out.name];
      if (result?.kind !== out.kind || !isDigest(result.digest)) return false;
      if (!Number.isSafeInteger(result.bytes) || result.bytes < 0) return false;
      return result.kind === "directory" ? Number.isSafeInteger(result.files) : typeof result.executable === "boolean";
    })
  );
}
