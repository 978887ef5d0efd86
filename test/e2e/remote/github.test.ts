import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { startCacheServer } from "../../rig/cache-server.ts";
import { type GitHubState, type JobOutcome, makeGh, runJob } from "../../rig/github.ts";
import { makeWorkspace, repository, type Workspace } from "../../rig/workspace.ts";
import { commit, git, makePaper } from "./paper.ts";

const PULL_REQUEST = join(repository, "docs/ci/github-pull-request.yml");
const COMMENT = join(repository, "docs/ci/github-comment.yml");
/** Names of branches may hold what a shell would run. */
const BRANCH = "change$(touch${IFS}pwned)`touch pwned`";
/** On every runner of GitHub's; here it may be missing. */
const hasJq = spawnSync("jq", ["--version"]).status === 0;
if (!hasJq) console.warn("skipped: no jq, which github-comment.yml needs");
const BOT = { login: "github-actions[bot]" };

/** Runs github-comment.yml where nothing is checked out, with what `gh` knows. */
async function post(
  state: GitHubState,
  server: string,
  sha: string,
): Promise<JobOutcome & { readonly after: GitHubState; readonly folder: string }> {
  const { root } = makeWorkspace();
  const gh = makeGh(join(root, "..", "bin"), state);
  const outcome = await runJob(readFileSync(COMMENT, "utf8"), "comment", {
    folder: root,
    env: { PATH: gh.path, HOME: join(root, ".."), GITHUB_SERVER_URL: server },
    expressions: {
      "github.token": "secret",
      "github.repository": "lab/paper",
      "github.event.workflow_run.id": "5",
      "github.event.workflow_run.head_repository.owner.login": "stranger",
      "github.event.workflow_run.head_branch": BRANCH,
      "github.event.workflow_run.head_sha": sha,
    },
    use: ({ uses }) => {
      throw new Error(`it uses ${uses}`);
    },
  });
  return { ...outcome, after: gh.state(), folder: root };
}

/** A server with an empty bare repository, at a `file:` URL. */
function makeServer(): { readonly url: string; readonly pictures: () => string[] } {
  const { root } = makeWorkspace();
  const bare = join(root, "lab/paper");
  mkdirSync(bare, { recursive: true });
  git(bare, "init", "--quiet", "--bare");
  return {
    url: `file://${root}`,
    pictures: () => git(bare, "ls-tree", "-r", "--name-only", "pipeline-images").split("\n").sort(),
  };
}

/** An artifact as github-pull-request.yml leaves it. */
function makeArtifact(files: Readonly<Record<string, string>>): Workspace {
  return makeWorkspace(files);
}

const stateOf = (sha: string, artifact: string, comments: GitHubState["comments"] = []): GitHubState => ({
  pulls: [
    { number: 6, head: { sha: "f".repeat(40), label: `stranger:${BRANCH}` } },
    { number: 7, head: { sha, label: `stranger:${BRANCH}` } },
  ],
  comments,
  artifact,
  seen: [],
});

describe.skipIf(!hasJq)("docs/ci/github-*.yml, step by step", () => {
  it("a pull request reads the cache, and what it wrote becomes its comment with pictures on a branch of their own", async () => {
    const cache = await startCacheServer();
    const paper = makePaper();
    await paper.runWith({ env: { PIPELINE_REMOTE_CACHE: cache.url } }, "run");
    commit(paper.root, "the base");
    git(paper.root, "checkout", "--quiet", "-b", "change");
    paper.write("pipeline.yaml", paper.read("pipeline.yaml").replace("eta: 2", "eta: 8"));
    const sha = commit(paper.root, "a larger step");
    git(paper.root, "checkout", "--quiet", "main");
    git(paper.root, "merge", "--quiet", "--no-ff", "--no-edit", "change");

    cache.reset();
    const checkout = makeWorkspace();
    const artifact = makeWorkspace();
    const bin = join(checkout.root, "..", "bin");
    const { path } = makeGh(bin, stateOf(sha, ""));
    const program = JSON.stringify(join(repository, "bin/pipeline.js"));
    writeFileSync(
      join(bin, "npm"),
      `#!/bin/sh\nmkdir -p node_modules/.bin && ln -sf ${program} node_modules/.bin/pipeline\n`,
      { mode: 0o755 },
    );
    const used: string[] = [];
    const run = await runJob(
      readFileSync(PULL_REQUEST, "utf8").replace("https://cache.example.org/study", cache.url),
      "pipeline",
      {
        folder: checkout.root,
        env: {
          PATH: path,
          HOME: join(checkout.root, ".."),
          PIPELINE_LOCKS: join(checkout.root, "..", "locks"),
          GITHUB_SERVER_URL: "https://github.com",
          GITHUB_REPOSITORY: "lab/paper",
        },
        expressions: { "secrets.CACHE_READER": "" },
        use({ uses = "", with: options = {} }) {
          used.push(uses.replace(/@.*/, ""));
          if (uses.startsWith("actions/checkout@")) {
            const depth = `--depth=${options["fetch-depth"]}`;
            git(checkout.root, "clone", "--quiet", depth, `file://${paper.root}`, ".");
          }
          if (uses.startsWith("actions/upload-artifact@")) {
            cpSync(checkout.path(String(options.path)), artifact.path("."), { recursive: true });
          }
        },
      },
    );
    expect(run, run.output).toMatchObject({ code: 0 });
    expect(used).toEqual(["actions/checkout", "actions/setup-node", "actions/upload-artifact"]);
    expect(cache.seen.length).toBeGreaterThan(0);
    expect(cache.seen.every(({ method, authorization }) => method === "GET" && authorization === undefined)).toBe(true);
    const images = artifact.list("images").map((file) => file.replace("images/", ""));
    expect(images).toHaveLength(2);

    const server = makeServer();
    const first = await post(stateOf(sha, artifact.root), server.url, sha);
    expect(first, first.output).toMatchObject({ code: 0 });
    expect(server.pictures()).toEqual(images);
    expect(first.after.seen).toEqual([
      "GET repos/lab/paper/pulls",
      "GET repos/lab/paper/issues/7/comments",
      "POST repos/lab/paper/issues/7/comments",
    ]);
    const [comment] = first.after.comments;
    expect(comment?.body).toBe(artifact.read("comment.md"));
    expect(comment?.body).toContain("### pipeline: 1 claim no longer holds · 1 figure changed\n");
    for (const image of images) {
      expect(comment?.body).toContain(`](<https://github.com/lab/paper/raw/pipeline-images/${image}>)`);
    }
    // A second push: the same pictures, the same comment, beside one that somebody quoted.
    const quoted = { id: 1, user: { login: "stranger" }, body: comment!.body };
    const again = await post(
      stateOf(sha, artifact.root, [quoted, { ...comment!, body: `${comment!.body}\nolder` }]),
      server.url,
      sha,
    );
    expect(again, again.output).toMatchObject({ code: 0 });
    expect(server.pictures()).toEqual(images);
    expect(again.after.seen.at(-1)).toBe(`PATCH repos/lab/paper/issues/comments/${comment!.id}`);
    expect(again.after.comments.map(({ body }) => body)).toEqual([quoted.body, comment!.body]);
  });

  it("a stranger's artifact is text and pictures, nothing else", async () => {
    const sha = "a".repeat(40);
    const artifact = makeArtifact({
      "comment.md": "<!-- pipeline comment -->\n$(touch pwned)\n",
      number: "6",
      "images/good.0123456789ab.png": "png",
      "images/run.sh": "touch pwned",
      "images/-rf.png": "png",
      "images/.git/config": "x",
      "images/deep/other.png": "png",
    });
    symlinkSync("/etc/passwd", artifact.path("images/link.png"));
    const server = makeServer();
    const { code, output, after, folder } = await post(stateOf(sha, artifact.root), server.url, sha);
    expect({ code }, output).toEqual({ code: 0 });
    expect(server.pictures()).toEqual(["good.0123456789ab.png"]);
    expect(after.comments).toEqual([{ id: 100, user: BOT, body: artifact.read("comment.md") }]);
    // By the commit alone: the artifact cannot name another pull request.
    expect(after.seen.at(-1)).toBe("POST repos/lab/paper/issues/7/comments");
    expect(readdirSync(folder).includes("pwned")).toBe(false);
    expect(existsSync(join(folder, "..", "pwned"))).toBe(false);
  });

  it("nothing is posted for a commit that no open pull request has, without an artifact, or for another text", async () => {
    const sha = "a".repeat(40);
    const server = makeServer();
    const artifact = makeArtifact({ "comment.md": "Buy this\n" });
    const gone = await post(stateOf("b".repeat(40), artifact.root), server.url, sha);
    expect(gone).toMatchObject({ code: 0, after: { comments: [] } });
    const none = await post(stateOf(sha, ""), server.url, sha);
    expect(none).toMatchObject({ code: 0, after: { comments: [] } });
    const other = await post(stateOf(sha, artifact.root), server.url, sha);
    expect(other).toMatchObject({ code: 1, after: { comments: [] } });
  });

  it("no script holds an expression: GitHub would put names of strangers into it", () => {
    const files = [PULL_REQUEST, COMMENT, join(repository, ".github/workflows/ci.yml")];
    for (const file of files) {
      const { jobs } = parse(readFileSync(file, "utf8")) as { jobs: Record<string, { steps: { run?: string }[] }> };
      const scripts = Object.values(jobs).flatMap(({ steps }) => steps.flatMap(({ run }) => run ?? []));
      expect(scripts.length).toBeGreaterThan(0);
      for (const script of scripts) expect(script).not.toContain("${{");
    }
  });
});
