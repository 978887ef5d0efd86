import { mkdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { DepFile, Json, StageContext } from "../../src/stage.ts";

export interface TestContext extends StageContext {
  readonly lines: readonly string[];
  readonly outPath: (name: string) => string;
}

/** A stage's context in a test: files of one folder, onnx:cpu. */
export function stageContext(
  folder: string,
  params: Json,
  deps: Readonly<Record<string, string | readonly string[]>>,
  outs: Readonly<Record<string, string>>,
): TestContext {
  const lines: string[] = [];
  const file = (path: string): DepFile => ({ path: join(folder, path), instance: {} });
  const platform = { device: "onnx:cpu" };
  const outPath = (name: string): string => {
    const path = join(folder, outs[name]!);
    mkdirSync(dirname(path), { recursive: true });
    return path;
  };
  return {
    name: "test",
    params,
    instance: {},
    dep: (name) => file(deps[name] as string),
    depAll: (name) => [deps[name]!].flat().map((path) => file(path as string)),
    out: outPath,
    platform,
    provenance: { stage: "test", key: "key", codeDigest: "digest", params, platform },
    resources: { threads: 1, gpus: [] },
    progress: () => {},
    log: (line) => lines.push(line),
    lines,
    outPath,
  };
}

export function readJson<T>(path: string): T {
  return JSON.parse(readFileSync(path, "utf8")) as T;
}
