import { createPublicKey, type KeyObject, sign, verify } from "node:crypto";

/** What is signed begins with this, so that no signature of something else can stand for one of ours. */
const DOMAIN = "gd-instabilities action record 1\n";
const MARK = "\nsignature ed25519 ";

/** A record's text as it is sent: with a line more where there is a key. */
export function signed(record: string, key: KeyObject | undefined): string {
  const text = record.trimEnd();
  if (key === undefined) return text;
  return `${text}${MARK}${sign(null, Buffer.from(DOMAIN + text), key).toString("base64")}`;
}

/** The record's text without its signature, and whether one of these keys has made that. */
export function readSigned(
  text: string,
  trusted: readonly KeyObject[],
): { readonly record: string; readonly signature: "good" | "missing" | "wrong" } {
  const at = text.lastIndexOf(MARK);
  const record = at === -1 ? text : text.slice(0, at);
  if (at === -1) return { record, signature: "missing" };
  const signature = Buffer.from(text.slice(at + MARK.length), "base64");
  const data = Buffer.from(DOMAIN + record);
  return { record, signature: trusted.some((key) => verify(null, data, key, signature)) ? "good" : "wrong" };
}

/** Whether what a private key signs is taken by those who trust these. */
export function isTrusted(key: KeyObject, trusted: readonly KeyObject[]): boolean {
  const own = createPublicKey(key);
  return trusted.some((other) => other.equals(own));
}
