import { execFileSync } from "node:child_process";
import { dirname } from "node:path";
import { describe, expect, it } from "vitest";
import { makeWorkspace, type Workspace } from "../rig/workspace.ts";

/** One figure whose claim depends on a param. */
function study(): Workspace {
  const claims =
    '{"figure":"fig01","title":"Growth","claims":[{"id":"grows","statement":"It grows.","source":"paper","paper":2,"ours":RATE,"rule":"ours > 1","verdict":"VERDICT"}],"provenance":{}}';
  const workspace = makeWorkspace({
    "pipeline.yaml": `version: 1
params: { rate: 2, verdict: pass }
stages:
  table:
    cmd: |
      echo '{"rate": '\${params.rate}', "rows": [1, 2]}' > \${outs.table}
    params: { rate: "\${params.rate}" }
    outs: { table: table.json }
  fig01:
    cmd: |
      cp spec.json \${outs.spec}
      sed "s/COLOUR/c\${params.rate}/" drawing.svg > \${outs.svg}
      sed "s/RATE/\${params.rate}/; s/VERDICT/\${params.verdict}/" claims.json > \${outs.claims}
    params: { rate: "\${params.rate}", verdict: "\${params.verdict}" }
    deps: { table: table.table, sources: { files: "*.{json,svg}" } }
    outs: { spec: figures/fig01.vl.json, svg: figures/fig01.svg, claims: claims/fig01.json }
`,
    "spec.json": '{"description":"A line","mark":"line","data":{"values":[{"a":1}]},"encoding":{}}',
    "drawing.svg": '<svg xmlns="http://www.w3.org/2000/svg"><g id="COLOUR"/></svg>',
    "claims.json": claims,
    ".gitignore": ".pipeline/\nartifacts/\n",
  });
  return workspace;
}

function git(workspace: Workspace, ...words: readonly string[]): string {
  const identity = ["-c", "user.name=Test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false"];
  return execFileSync("git", ["-C", workspace.root, ...identity, ...words], { encoding: "utf8" });
}

describe("report", () => {
  it("writes a page of what is there, runs nothing, and says what is not there", async () => {
    const workspace = study();
    expect(await workspace.run("report")).toMatchObject({ code: 0, stderr: "" });
    expect(workspace.read("artifacts/report/index.html")).toContain(
      "Not made yet: <code>npx pipeline run fig01</code>",
    );
    await workspace.run("run");
    const { stdout } = await workspace.run("report", "--out", "page.html");
    expect(stdout).toMatch(/^page\.html {2}\d/);
    const page = workspace.read("page.html");
    expect(page).toContain("Figure 1. Growth");
    expect(page).toMatch(/<li class="pass"><strong>1<\/strong>/);
    expect(page).toContain('<g id="figure-fig01-c2"/>');
    expect((await workspace.run("report", "--out", "drawing.svg/x.html")).code).toBe(2);
  });
});

describe("diff", () => {
  it("tells params, claims, figures and numbers apart, and finds contents in the cache", async () => {
    const workspace = study();
    await workspace.run("run");
    git(workspace, "init", "-q");
    git(workspace, "add", ".");
    git(workspace, "commit", "-q", "-m", "first results");
    expect((await workspace.run("diff", "HEAD")).stdout).toMatch(
      /params {2}the same[\s\S]*0 changed, 1 the same[\s\S]*figures {2}1 the same\n\ntables {2}1 the same\n/,
    );
    workspace.write(
      "pipeline.yaml",
      workspace.read("pipeline.yaml").replace("rate: 2, verdict: pass", "rate: 3, verdict: fail"),
    );
    const stale = await workspace.run("diff", "HEAD");
    expect(stale.stdout).toContain("not up to date here, compared as made last: table, fig01");
    await workspace.run("run");
    const { code, stdout } = await workspace.run("diff", "HEAD", "--html", "diff.html");
    expect(code).toBe(0);
    expect(stdout).toContain("first results → now");
    expect(stdout).toContain("params.rate  2 → 3  +50 %");
    expect(stdout).toContain("fig01 grows  holds → does not hold, ours 2 → 3");
    expect(stdout).toMatch(/figures {2}1 changed\n {4}fig01 {2}changed/);
    expect(stdout).toContain("$.rate  2 → 3  +50 %");
    const page = workspace.read("diff.html");
    expect(page).toMatch(/<g id="[^"]*-c2"\/>[\s\S]*<g id="[^"]*-c3"\/>/);
    const { results } = JSON.parse((await workspace.run("diff", "HEAD", "--json")).stdout) as {
      results: { figures: unknown };
    };
    expect(results.figures).toEqual([{ name: "fig01", change: "changed" }]);
  });

  it("says where contents are in no cache, and how to make them", async () => {
    const workspace = study();
    await workspace.run("run");
    git(workspace, "init", "-q");
    git(workspace, "add", ".");
    git(workspace, "commit", "-q", "-m", "first results");
    workspace.write("pipeline.yaml", workspace.read("pipeline.yaml").replace("rate: 2,", "rate: 3,"));
    workspace.remove(".pipeline");
    await workspace.run("run");
    const { code, stdout } = await workspace.run("diff", "HEAD");
    expect(code).toBe(0);
    expect(stdout).toMatch(/table\.json {2}different, and not in this cache/);
    expect(stdout).toMatch(/git worktree add \.\.\/rebuild-\w+ \w+\n/);
  });

  it("tells revisions that git does not know and those that recorded nothing", async () => {
    const workspace = study();
    const nowhere = await workspace.runWith(
      { env: { GIT_CEILING_DIRECTORIES: dirname(workspace.root) } },
      "diff",
      "HEAD",
    );
    expect(nowhere.stderr).toContain(`git finds no repository in ${workspace.root}`);
    expect(nowhere.code).toBe(2);
    const without = await workspace.runWith({ env: { PATH: workspace.root } }, "diff", "HEAD");
    expect(without.stderr).toContain("git is not on the PATH");
    expect(without.code).toBe(2);
    git(workspace, "init", "-q");
    git(workspace, "add", ".");
    git(workspace, "commit", "-q", "-m", "no results");
    expect((await workspace.run("diff", "nonsense")).stderr).toContain("git knows no revision `nonsense` here");
    expect(await workspace.run("diff", "--", "--output=x")).toMatchObject({ code: 2 });
    const { code, stdout } = await workspace.run("diff", "HEAD");
    expect(code).toBe(0);
    expect(stdout).toContain("recorded no results: it has no pipeline.lock");
  });
});
