import { describe, expect, it } from "vitest";
import { makeWorkspace } from "../rig/workspace.ts";

const YAML = `version: 1
params: { n: { range: { from: 1, to: 4, step: 1 } }, size: 1 }
profiles: { large: { size: 50, executor: slurm }, quick: {} }
stages:
  one: { matrix: { i: "\${params.n}" }, work: "\${params.size}", cmd: "sleep 0.0\${i}; printf 12345 > \${outs.x}", outs: { x: "\${i}.txt" } }
  all: { cmd: "cat \${deps.x} > \${outs.t}", deps: { x: one.x }, outs: { t: all.txt } }
`;

describe("pipeline plan", () => {
  it("tells what nobody has run yet as unknown", async () => {
    const workspace = makeWorkspace({ "pipeline.yaml": YAML });
    const { code, stdout } = await workspace.run("plan");
    expect(code).toBe(0);
    expect(stdout).toContain("5 instances never timed, and in no sum: one, all");
    expect(workspace.list("artifacts")).toEqual([]);
  });

  it("projects a profile that was never run from one that was, and asks no cluster for it", async () => {
    const workspace = makeWorkspace({ "pipeline.yaml": YAML });
    expect((await workspace.run("run", "--jobs", "1")).code).toBe(0);
    const small = JSON.parse((await workspace.run("plan", "--json", "--devices", "1,4")).stdout);
    expect(small).toMatchObject({ profile: "quick", instances: 5, bytes: 40, untimed: 0, unsized: 0 });
    const large = JSON.parse((await workspace.run("plan", "--profile", "large", "--json", "--devices", "1,4")).stdout);
    const [one, all] = large.stages;
    // Fifty times the work, by the seconds per unit of work of what ran.
    expect(one.seconds / small.stages[0].seconds).toBeGreaterThan(25);
    expect(all.seconds).toBe(small.stages[1].seconds);
    expect(large.runs[0].seconds).toBeCloseTo(large.seconds, 9);
    expect(large.runs[1].seconds).toBeLessThan(large.seconds);
    expect(large.critical.at(-1).instance).toBe("all");
    const { stdout } = await workspace.run("plan", "--profile", "large");
    expect(stdout).toMatch(/^large · 5 instances · .* of one device · 40 B in the cache$/m);
    expect(stdout).toMatch(/^ +64 .* %$/m);
    expect(stdout).toMatch(/^the longest chain takes .*: one@i=\d .* → all .*$/m);
  });

  it("tells a wrong --devices", async () => {
    const workspace = makeWorkspace({ "pipeline.yaml": YAML });
    const { code, stderr } = await workspace.run("plan", "--devices", "many");
    expect(code).toBe(2);
    expect(stderr).toContain("--devices cannot be `many`");
  });
});
