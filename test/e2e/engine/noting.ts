import { readFileSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import type { Outcome, RunOptions, Workspace } from "../../rig/workspace.ts";

/** Told to Node before anything else: notes each program that the launcher compiles. */
const HOOK = `const vm = require("node:vm");
const { appendFileSync } = require("node:fs");
const { Script } = vm;
vm.Script = class extends Script {
  constructor(code, options) {
    super(code, options);
    appendFileSync(process.env.LOADED, options.filename + "\\n");
  }
};
`;

/** Runs, and says whether it was the last run told again: then the program that can run something was not loaded. */
export async function runNoting(
  workspace: Workspace,
  options: RunOptions = {},
  ...args: readonly string[]
): Promise<Outcome & { readonly isRepeated: boolean }> {
  const [hook, LOADED] = ["hook.cjs", "loaded.txt"].map((name) => join(workspace.root, "..", name)) as [string, string];
  writeFileSync(hook, HOOK);
  writeFileSync(LOADED, "");
  const env = { NODE_OPTIONS: `--require ${hook}`, LOADED, ...options.env };
  const outcome = await workspace.runWith({ ...options, env }, "run", ...args);
  const loaded = readFileSync(LOADED, "utf8").split("\n").slice(0, -1);
  expect(loaded.filter((file) => !file.endsWith("/cli.cjs"))).toEqual([]);
  expect(loaded.length).toBeLessThan(2);
  return { ...outcome, isRepeated: loaded.length === 0 };
}

/** Writes other bytes of the same length, and puts the times back. */
export function writeSecretly(path: string, text: string): void {
  const { atime, mtime } = statSync(path);
  writeFileSync(path, text);
  utimesSync(path, atime, mtime);
}
