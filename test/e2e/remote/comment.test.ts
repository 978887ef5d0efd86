import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { decodePng } from "../../../src/formats/png-pixels.ts";
import { type CacheServer, startCacheServer } from "../../rig/cache-server.ts";
import type { Outcome, Workspace } from "../../rig/workspace.ts";
import { cloneOf, commit, git, makePaper } from "./paper.ts";

const INSTANCES = 3;

/** A base whose results are in a cache, and a clean clone of it that reads that cache. */
async function reviewed(): Promise<{ server: CacheServer; paper: Workspace; branch: Workspace }> {
  const server = await startCacheServer();
  const paper = makePaper();
  await paper.runWith({ env: { PIPELINE_REMOTE_CACHE: server.url } }, "run");
  commit(paper.root, "the base");
  server.reset();
  return { server, paper, branch: cloneOf(paper) };
}

function reading({ url }: CacheServer): Record<string, string> {
  return { PIPELINE_REMOTE_CACHE: url, PIPELINE_REMOTE_MODE: "read-only", PIPELINE_REMOTE_TIMEOUT: "1" };
}

/** What CI does: run, keep the events, write the comment. */
async function review(
  server: CacheServer,
  branch: Workspace,
  ...args: string[]
): Promise<[ran: Outcome, told: Outcome]> {
  const env = reading(server);
  const ran = await branch.runWith({ env }, "run", "--keep-going", "--json");
  branch.write("run.jsonl", ran.stdout);
  return [ran, await branch.runWith({ env }, "comment", "run.jsonl", "--base", "main", ...args)];
}

const PICTURES = ["--images", "comment/images", "--out", "comment/comment.md"];
const times = (text: string): string => text.replaceAll(/\d+\.\d\d s/g, "T").replaceAll(/`[0-9a-f]{7}`/g, "`REV`");

describe("pipeline comment, in a clean clone with a remote cache that it only reads", () => {
  it("tells a change of a param: the claim, the figure before and now, the cause", async () => {
    const { server, branch } = await reviewed();
    branch.write("pipeline.yaml", branch.read("pipeline.yaml").replace("eta: 2", "eta: 8"));
    const env = reading(server);
    const ran = await branch.runWith({ env }, "run", "--json");
    branch.write("run.jsonl", ran.stdout);
    expect(ran.summary).toMatchObject({ ran: 2, restored: 1 });
    server.reset();
    const told = await branch.runWith({ env }, "comment", "run.jsonl", "--base", "main", ...PICTURES);
    expect(told).toMatchObject({ code: 0, stderr: "" });
    expect(told.stdout).toMatch(/^comment\/comment\.md {2}\d+ B\ncomment\/images {2}2 pictures\n$/);
    // The base's records of the two instances that changed, its claims and its picture: nothing else, and nothing is sent.
    expect([server.count("GET", "ac"), server.count("GET", "cas"), server.seen.length]).toEqual([2, 2, 4]);
    const [before, now] = branch.list("comment/images");
    expect(times(branch.read("comment/comment.md"))).toBe(`<!-- pipeline comment -->
### pipeline: 1 claim no longer holds · 1 figure changed

2 ran · 1 restored · T · remote cache: 1 result found, 42 B fetched

Compared with what \`REV\` (the base) recorded.

#### Claims

| claim | before | now | paper |
| --- | --- | --- | --- |
| \`fig01 small\`<br>The loss is \\<small\\> \\| @\u2060everyone | holds<br>\`2\` | **does not hold**<br>\`8\` | \`3\` |

1 other came out the same.

#### Figures

**\`figures/fig01\`** 38 % of the pixels differ<br>\`command echo 2 > \${outs.loss}; echo trained → echo 8 > \${outs.loss}; echo trained\`<br>\`params.eta 2 → 8\`

| before | now |
| --- | --- |
| ![before](<images/${file(before)}>) | ![now](<images/${file(now)}>) |

1 figure is the same.

1 other out changed.

<details>
<summary>1 param changed</summary>

| param | before | now |  |
| --- | --- | --- | --- |
| \`params.eta\` | \`2\` | \`8\` | +300 % |

</details>
`);
    // Of 16 rows, two were dark before and eight are now.
    const dark = (path: string | undefined): number => {
      const { data } = decodePng(readFileSync(branch.path(path!)))!;
      return data.filter((value) => value !== 255).length / 48;
    };
    expect([dark(before), dark(now)].sort()).toEqual([2, 8]);
  });

  it("needs no more of a run than the figures: what they were made of stays in the cache", async () => {
    const { server, branch } = await reviewed();
    branch.write("pipeline.yaml", branch.read("pipeline.yaml").replace("colour: 40", "colour: 41"));
    const ran = await branch.runWith({ env: reading(server) }, "run", "fig*", "--json");
    branch.write("run.jsonl", ran.stdout);
    expect(ran.summary).toMatchObject({ ran: 1, restored: 2 });
    branch.remove("artifacts/loss.txt");
    branch.remove(".pipeline/cas");
    server.reset();
    const told = await branch.runWith({ env: reading(server) }, "comment", "run.jsonl", "--base", "main");
    expect(told.code).toBe(0);
    expect(told.stdout).toContain("### pipeline: 1 figure changed\n");
    expect(told.stdout).not.toContain("not made");
    // The base's record of the figure; no picture was asked for, and no number is another.
    expect([server.count("GET", "ac"), server.count("GET", "cas")]).toEqual([1, 0]);
  });

  it("warns where a run left results in a cache that nobody names now", async () => {
    const { server, branch } = await reviewed();
    const ran = await branch.runWith({ env: reading(server) }, "run", "fig*", "--json");
    expect(ran.summary).toMatchObject({ restored: 2, fresh: 1 });
    branch.write("run.jsonl", ran.stdout);
    const told = await branch.run("comment", "run.jsonl", "--base", "main");
    expect(told.code).toBe(0);
    expect(told.stderr).toBe(
      "warning  the run left 1 of its results in a remote cache, and none is named here: they count as not made\n",
    );
  });

  it("tells which source file changed, though the bundle that it was part of was made elsewhere", async () => {
    const { server, branch } = await reviewed();
    branch.write("src/colour.ts", branch.read("src/colour.ts").replace("? colour", "? colour + 100"));
    const [ran, told] = await review(server, branch);
    expect(ran.summary).toMatchObject({ ran: 1, restored: 2 });
    expect(told.stdout).toContain("### pipeline: 1 figure changed\n");
    expect(told.stdout).toContain("\n**`figures/fig01`**<br>`src/colour.ts changed`\n");
    // The formats differ in one: the SVG has the loss alone, and the claims are the same.
    expect(told.stdout).not.toContain("#### Claims");
    expect(told.stdout).toContain("1 figure is the same.");
  });

  it("a change that changes nothing costs no request and says so", async () => {
    const { server, branch } = await reviewed();
    branch.write("src/colour.ts", `// In other words.\n${branch.read("src/colour.ts")}`);
    const [ran] = await review(server, branch);
    expect(ran.summary).toMatchObject({ ran: 0, restored: INSTANCES });
    server.reset();
    const [again, told] = await review(server, branch, ...PICTURES);
    expect(again.summary).toMatchObject({ ran: 0, fresh: INSTANCES });
    expect(server.seen).toEqual([]);
    expect(told.code).toBe(0);
    expect(branch.read("comment/comment.md")).toContain("### pipeline: no result changed\n");
    expect(branch.list("comment/images")).toEqual([]);
  });

  it("tells a failure with the end of its log, and what was therefore not made", async () => {
    const { server, branch } = await reviewed();
    branch.write(
      "pipeline.yaml",
      branch.read("pipeline.yaml").replace("echo trained", "echo '``` @everyone <b>' && echo boom && exit 3"),
    );
    const [ran, told] = await review(server, branch, "--images", "pictures");
    expect(ran.code).toBe(1);
    expect(told.code).toBe(0);
    expect(told.stdout).toContain("### pipeline: 1 instance failed · 3 results not made\n");
    expect(told.stdout).toContain("1 failed · 1 not run · 1 restored");
    expect(told.stdout).toContain("\n````text\n``` @everyone <b>\nboom\n````\n");
    // What it looked like is told; that it is gone is not claimed.
    expect(told.stdout).toMatch(
      /\*\*`figures\/fig01`\*\* not made in this run\n\n\| before \| now \|\n.*\n\| !\[before]\(<pictures\/fig01\.\w+\.png>\) \| \*not made in this run\* \|/,
    );
    expect(told.stdout).toContain(
      "<summary>2 results not made in this run</summary>\n\n`artifacts/claims/fig01.json`, `artifacts/loss.txt`",
    );
  });

  it("new figures, gone figures", async () => {
    const { server, branch } = await reviewed();
    branch.write(
      "pipeline.yaml",
      branch.read("pipeline.yaml").replace("fig02:", "fig03:").replace("fig02.svg", "fig03.svg"),
    );
    const [, told] = await review(server, branch, "--images", "pictures");
    expect(told.stdout).toContain("### pipeline: 1 figure new · 1 figure gone\n");
    expect(told.stdout).toMatch(
      /\*\*`figures\/fig03`\*\* new<br>`never run`\n\n.*\n.*\n\| \*was not there\* \| !\[now]/,
    );
    expect(told.stdout).toMatch(
      /\*\*`figures\/fig02`\*\* gone\n\n.*\n.*\n\| !\[before]\(<.*>\) \| \*is not made any more\* \|/,
    );
  });

  it("a picture that no cache has is said to be missing, and git tells the cause where the record is", async () => {
    const { server, branch } = await reviewed();
    branch.write("src/colour.ts", branch.read("src/colour.ts").replace("? colour", "? colour + 100"));
    server.entries.clear();
    const [, told] = await review(server, branch, "--images", "pictures");
    expect(told).toMatchObject({ code: 0, stderr: "" });
    expect(told.stdout).toContain("**`figures/fig01`**<br>`src/colour.ts changed`\n");
    expect(told.stdout).toMatch(/\| \*in no cache\* \| !\[now]\(<pictures\/fig01\.\w+\.png>\) \|/);
  });

  it("a cache that is down, or none at all, leaves the comment with what is here", async () => {
    const { server, branch } = await reviewed();
    branch.write("pipeline.yaml", branch.read("pipeline.yaml").replace("colour: 40", "colour: 41"));
    await review(server, branch);
    const without = await branch.run("comment", "run.jsonl", "--base", "main", "--images", "pictures");
    expect(without.code).toBe(0);
    // The record that tells the cause is not kept for runs to find.
    expect(without.stdout).toContain("<br>`its earlier record is in no cache`\n");
    expect(without.stdout).toContain("| *not in this machine's cache* | ![now]");
    server.fault = () => "error";
    const down = await branch.runWith({ env: reading(server) }, "comment", "--base", "main", "--images", "pictures");
    expect(down.code).toBe(0);
    expect(down.stdout).toContain("| *not to be had: the remote cache did not answer* | ![now]");
    expect(down.stderr).toContain("warning  the remote cache");
  });

  it("other bytes by another machine are no change of the branch", async () => {
    const { server, paper, branch } = await reviewed();
    // The record says another machine's rounding of what train gives: nothing that decides it differs.
    const lock = paper.read("pipeline.lock");
    const [, loss] = /"loss": ([0-9a-f]{64})/.exec(lock)!;
    branch.write("pipeline.lock", lock.replaceAll(loss!, "0".repeat(64)));
    git(branch.root, "checkout", "--quiet", "main");
    commit(branch.root, "recorded elsewhere");
    git(branch.root, "checkout", "--quiet", "-b", "other");
    const [, told] = await review(server, branch);
    expect(told.stdout).toContain("1 result with other bytes than recorded though nothing that decides them changed");
    expect(told.stdout).toContain("artifacts/loss.txt");
  });
});

describe("pipeline comment, wrongly used", () => {
  it.each([
    [["comment"], "there is nothing to tell", "--base origin/main"],
    [["comment", "--bas", "x"], "has no option `--bas`", "did you mean `--base`?"],
    [["comment", "none.jsonl"], "the run's events cannot be read", "pipeline run --json > run.jsonl"],
    [["comment", "package.json"], "package.json holds no event of a run", "see what it wrote to stderr"],
    [["comment", "--base", "nowhere"], "git knows no revision `nowhere` here", "git fetch --depth=1"],
    [["comment", "--base", "HEAD", "--limit", "10"], "--limit cannot be `10`", "from 2000"],
    [["comment", "x", "--images", "y"], "--images goes with --base REV", "compared with"],
    [["comment", "--base", "HEAD", "--image-base", "y"], "--image-base goes with --images DIR", "pictures"],
    [["comment", "--base", "HEAD", "--out", "package.json/x"], "the comment could not be written", "--out"],
  ])("%j", async (args, message, remedy) => {
    const paper = makePaper();
    commit(paper.root, "only");
    const { code, stdout, stderr } = await paper.run(...args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain(message);
    expect(stderr).toContain(remedy);
  });

  it("a base without a record is told, and what ran", async () => {
    const paper = makePaper();
    commit(paper.root, "no record yet");
    paper.write("run.jsonl", (await paper.run("run", "--json")).stdout);
    const { code, stdout } = await paper.run("comment", "run.jsonl", "--base", "HEAD");
    expect(code).toBe(0);
    expect(stdout).toContain("recorded no results: it has no pipeline.lock.");
    expect(stdout).toContain("| `artifacts/figures/fig01.svg` | `never run` |");
  });
});

function file(path: string | undefined): string {
  return path?.split("/").at(-1) ?? "";
}
