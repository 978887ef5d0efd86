import { describe, expect, it } from "vitest";
import type { Instance, InstanceName, Plan } from "../../../src/engine/plan/plan.ts";
import { closureOf, resolveTargets } from "../../../src/engine/plan/targets.ts";

const plan: Plan = {
  workspace: "/",
  profile: "default",
  platforms: [],
  instances: [
    instance("data", {}, "datasets/d.bin"),
    instance("train", { eta: 0.1, seed: 0 }, "runs/0.1/0.json", "data"),
    instance("train", { eta: 0.1, seed: 1 }, "runs/0.1/1.json", "data"),
    instance("train", { eta: 0.02, seed: 0 }, "runs/0.02/0.json", "data"),
    instance("fig01", {}, "figures/fig01.svg"),
    instance("fig02", {}, "figures/fig02.svg", "train@eta=0.1,seed=0"),
  ],
};

function instance(stage: string, matrix: Record<string, number>, path: string, from?: string): Instance {
  const pairs = Object.entries(matrix).map(([key, value]) => `${key}=${value}`);
  return {
    name: (pairs.length === 0 ? stage : `${stage}@${pairs.join(",")}`) as InstanceName,
    stage,
    matrix,
    action: { type: "cmd" as const, command: "true" },
    deps:
      from === undefined
        ? []
        : [{ type: "out" as const, name: "x", each: false, from: [{ instance: from as InstanceName, out: "o" }] }],
    outs: [{ name: "o", path: `artifacts/${path}`, kind: "file" as const, schema: undefined }],
    params: {},
    env: [],
    platform: undefined,
    reads: [],
    position: { file: "pipeline.yaml", line: 1, column: 1 },
  };
}

const chosen = (targets: string[], folder?: string): readonly string[] => {
  const result = resolveTargets(plan, targets, folder);
  return "targets" in result ? result.targets : result.unknown.map(({ remedy }) => remedy);
};

describe("targets", () => {
  it.each([
    [[], plan.instances.map(({ name }) => name)],
    [["train"], ["train@eta=0.1,seed=0", "train@eta=0.1,seed=1", "train@eta=0.02,seed=0"]],
    [["train@eta=0.1"], ["train@eta=0.1,seed=0", "train@eta=0.1,seed=1"]],
    [["train@seed=0,eta=0.1"], ["train@eta=0.1,seed=0"]],
    [["train@seed=0"], ["train@eta=0.1,seed=0", "train@eta=0.02,seed=0"]],
    [["train@eta=0.0*"], ["train@eta=0.02,seed=0"]],
    [["fig*"], ["fig01", "fig02"]],
    [
      ["fig02", "data", "fig?2"],
      ["data", "fig02"],
    ],
    [["artifacts/figures/fig01.svg"], ["fig01"]],
    [["artifacts/figures/"], ["fig01", "fig02"]],
    [["artifacts/runs/**/0.json"], ["train@eta=0.1,seed=0", "train@eta=0.02,seed=0"]],
  ])("%j", (targets, expected) => {
    expect(chosen(targets)).toEqual(expected);
  });

  it("reads paths from where the command was started", () => {
    expect(chosen(["fig01.svg"], "artifacts/figures")).toEqual(["fig01"]);
    expect(chosen(["."], "artifacts/figures")).toEqual(["fig01", "fig02"]);
  });

  it("keeps * within a folder of a path", () => {
    expect(chosen(["artifacts/runs/*.json"])[0]).toBe("did you mean `artifacts/runs/0.1/0.json`?");
  });

  it("suggests what an unknown one may have meant", () => {
    expect(chosen(["trian"])).toEqual(["did you mean `train`?"]);
    expect(chosen(["train@eta=0.1,seed=2"])).toEqual(["did you mean `train@eta=0.1,seed=0`?"]);
    expect(chosen(["artifacts/figures/fig1.svg"])).toEqual(["did you mean `artifacts/figures/fig01.svg`?"]);
  });

  it("mean themselves and everything they depend on", () => {
    const names = (targets: string[]): string[] => closureOf(plan, targets as InstanceName[]).map(({ name }) => name);
    expect(names(["fig02"])).toEqual(["data", "train@eta=0.1,seed=0", "fig02"]);
    expect(names(["fig01"])).toEqual(["fig01"]);
    expect(names([])).toEqual([]);
  });
});
