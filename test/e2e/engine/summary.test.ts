import { describe, expect, it } from "vitest";
import { makeWorkspace } from "../../rig/workspace.ts";

const figures = (): ReturnType<typeof makeWorkspace> =>
  makeWorkspace({
    "pipeline.yaml": `version: 1
params: { eta: 1, title: A|B }
stages:
  train: { cmd: "echo \${params.eta} > \${outs.o}", outs: { o: train.txt } }
  half: { cmd: "head -c 1 \${deps.o} > \${outs.o}", deps: { o: train.o }, outs: { o: half.txt } }
  fig01: { cmd: "cat \${deps.o} > \${outs.f}", deps: { o: half.o }, outs: { f: figures/fig01.svg } }
  fig02: { cmd: "echo '\${params.title}' > \${outs.f}", outs: { f: figures/fig02.svg } }
`,
  });

describe("run --summary", () => {
  it("tells what ran, what was restored, and which figures changed by what cause", async () => {
    const workspace = figures();
    await workspace.run("run");
    await workspace.run("run", "--set", "eta=2", "--summary", "out.md");
    const text = workspace.read("out.md").replaceAll(/\d+\.\d\d s/g, "T");
    expect(text).toBe(`## pipeline run: default · 4 instances

3 ran · 1 fresh · T

### Figures that changed

| figure | why |
| --- | --- |
| \`artifacts/figures/fig01.svg\` | \`command echo 1 > \${outs.o} → echo 2 > \${outs.o}\` |

### Ran

| instance | time | why |
| --- | --- | --- |
| \`train\` | T | \`command echo 1 > \${outs.o} → echo 2 > \${outs.o}\` |
| \`half\` | T | \`command echo 1 > \${outs.o} → echo 2 > \${outs.o}\` |
| \`fig01\` | T | \`command echo 1 > \${outs.o} → echo 2 > \${outs.o}\` |
`);
    // Other bytes upstream, the same figure.
    await workspace.run("run", "--set", "eta=20", "--summary", "out.md");
    const same = workspace.read("out.md");
    expect(same).toContain("2 ran · 2 fresh");
    expect(same).not.toContain("Figures that changed");
    await workspace.run("run", "--summary", "out.md");
    const back = workspace.read("out.md");
    expect(back).toMatch(/^3 restored · 1 fresh · /m);
    expect(back).toContain("### Restored\n\n`train`, `half`, `fig01`\n");
    expect(back).toContain("| `artifacts/figures/fig01.svg` | `command");
  });

  it("adds to $GITHUB_STEP_SUMMARY by itself, with failures and their remedies", async () => {
    const workspace = figures();
    workspace.write("summary.md", "before\n");
    const env = { GITHUB_STEP_SUMMARY: workspace.path("summary.md") };
    await workspace.runWith({ env }, "run", "fig02");
    workspace.write("pipeline.yaml", workspace.read("pipeline.yaml").replace("head -c 1", "false"));
    expect((await workspace.runWith({ env }, "run")).code).toBe(1);
    const text = workspace.read("summary.md");
    expect(text).toMatch(/^before\n## pipeline run: default · 1 instance\n/);
    expect(text).toContain("| `artifacts/figures/fig02.svg` | `never run` |");
    expect(text).toContain("1 failed · 1 not run · 1 ran · 1 fresh");
    expect(text).toContain("### Failed\n\n- `half` the command ended with exit code 1\n");
  });

  it("that cannot be written is told, with exit code 2", async () => {
    const { code, stderr } = await figures().run("run", "--summary", "pipeline.yaml/x.md");
    expect(code).toBe(2);
    expect(stderr).toContain("the summary could not be written");
  });
});
