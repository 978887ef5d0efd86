import { join } from "node:path";
import type { DepFile, Json, Progress, StageContext } from "../../src/stage.ts";

export interface FakeContext extends StageContext {
  readonly lines: string[];
  readonly progressed: Progress[];
}

/** A stage's context over given files, its outs in `folder`: runs a stage module without the engine. */
export function fakeContext(
  folder: string,
  params: Json,
  deps: Readonly<Record<string, readonly DepFile[]>> = {},
): FakeContext {
  const lines: string[] = [];
  const progressed: Progress[] = [];
  const depAll = (name: string): readonly DepFile[] => {
    const files = deps[name];
    if (files === undefined) throw new Error(`undeclared dep ${name}`);
    return files;
  };
  return {
    name: "test",
    params,
    instance: {},
    platform: {},
    provenance: { stage: "test", key: "0".repeat(64), codeDigest: "1".repeat(64), params, platform: {} },
    resources: { threads: 1, gpus: [] },
    dep: (name) => depAll(name)[0]!,
    depAll,
    out: (name) => join(folder, name),
    progress: (progress) => progressed.push(progress),
    log: (line) => lines.push(line),
    lines,
    progressed,
  };
}
