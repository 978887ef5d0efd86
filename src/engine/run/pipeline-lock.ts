import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Json } from "../../stage.ts";
import type { Facts } from "../keys/facts.ts";
import type { Digest, InstanceName, Key } from "../plan/plan.ts";
import { byCodeUnit, canonical } from "../system/json.ts";

export const LOCK_FILE = "pipeline.lock";

/** What one instance gave when it was recorded. */
export interface LockEntry {
  readonly key: Key;
  /** The digest of what was asked, apart from the machine: the manifest without platform and environment. */
  readonly study: Digest;
  /** The facts of its platform, where it has one. */
  readonly platform: Facts | undefined;
  /** The content of each out, by name (see `contentOf`). */
  readonly outs: Readonly<Record<string, string>>;
}

export type PipelineLock = ReadonlyMap<InstanceName, LockEntry>;

const VERSION = 1;
const HEAD = `# What each instance of the default profile gave when it was recorded. \`pipeline run\` writes this file, \`pipeline verify\`
# compares with it. Commit it; after a merge conflict take either side and run again.
version: ${VERSION}
instances:
`;

/** The recorded results of a workspace: empty where there is no file, a sentence where it cannot be used. */
export function readPipelineLock(workspace: string): PipelineLock | string {
  let text: string;
  try {
    text = readFileSync(join(workspace, LOCK_FILE), "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return new Map();
    return `${LOCK_FILE} cannot be read: ${(error as Error).message}`;
  }
  return parsePipelineLock(text);
}

/**
 * Reads what `serialisePipelineLock` writes: YAML of a fixed form, one line a field, so that git merges it and no YAML
 * parser has to be loaded.
 */
export function parsePipelineLock(text: string): PipelineLock | string {
  const version = /^version: (.*)$/m.exec(text)?.[1];
  if (version !== String(VERSION) && version !== undefined)
    return `${LOCK_FILE} has version ${version}, and this pipeline reads version ${VERSION}`;
  const lock = new Map<InstanceName, LockEntry>();
  let entry: { key?: Key; study?: Digest; platform: Facts | undefined; outs: Record<string, string> } | undefined;
  for (const [index, line] of text.split("\n").entries()) {
    const [, indent = "", name = "", value = ""] = /^( *)("(?:[^"\\]|\\.)*"|[^\s:"]+):(?: (.*))?$/.exec(line) ?? [];
    try {
      if (line === "" || line.startsWith("#") || (indent === "" && /^(version|instances)$/.test(name))) continue;
      if (indent.length === 2) {
        entry = { platform: undefined, outs: {} };
        lock.set(JSON.parse(name), entry as unknown as LockEntry);
      } else if (entry !== undefined && indent.length === 4 && (name === "key" || name === "study")) {
        Object.assign(entry, { [name]: value });
      } else if (entry !== undefined && indent.length === 4 && name === "platform") {
        entry.platform = JSON.parse(value) as Facts;
      } else if (entry !== undefined && indent.length === 6) {
        entry.outs[JSON.parse(name) as string] = value;
      } else if (indent.length !== 4 || name !== "outs") {
        throw new Error(line);
      }
    } catch {
      const what = /^(<{7}|={7}|>{7}|\|{7})/.test(line) ? "a merge conflict" : "a line that is not understood";
      return `${LOCK_FILE}:${index + 1} has ${what}`;
    }
  }
  return lock;
}

/** Sorted by instance: what two branches add or change lies apart, and the same results are the same bytes. */
export function serialisePipelineLock(lock: PipelineLock): string {
  const lines: string[] = [];
  for (const [name, { key, study, platform, outs }] of [...lock].sort(([a], [b]) => byCodeUnit(a, b))) {
    lines.push(`  ${JSON.stringify(name)}:`, `    key: ${key}`, `    study: ${study}`);
    if (platform !== undefined) lines.push(`    platform: ${canonical(platform as Json)}`);
    const names = Object.keys(outs).sort(byCodeUnit);
    if (names.length > 0) lines.push("    outs:", ...names.map((out) => `      ${JSON.stringify(out)}: ${outs[out]}`));
  }
  return `${HEAD}${lines.map((line) => `${line}\n`).join("")}`;
}
