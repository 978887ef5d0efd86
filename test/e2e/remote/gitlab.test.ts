import { spawn } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { type CacheServer, startCacheServer } from "../../rig/cache-server.ts";
import { ciTool } from "../../rig/ci-tools.ts";
import { BOT, type NotesServer, startNotesServer } from "../../rig/notes-server.ts";
import { repository, type Workspace } from "../../rig/workspace.ts";
import { cloneOf, commit, git, makePaper } from "./paper.ts";

/** gitlab-ci-local runs a .gitlab-ci.yml on this machine: rules, variables, needs and artifacts as GitLab has them. */
const RUNNER = ciTool("gitlab-ci-local", "4.61.0", "src/index.js");

const RECIPE = readFileSync(join(repository, "docs/ci/gitlab-ci.yml"), "utf8");
const INSTANCES = 3;
const NOTES = "/projects/42/merge_requests/7/notes";
const TOKEN = "token-of-the-comment";

interface Job {
  readonly code: number | null;
  readonly output: string;
}

/** Runs all jobs of a pipeline whose rules hold. `npm ci` stands in: it links the program, as an installation would. */
function pipeline(workspace: Workspace, variables: Readonly<Record<string, string>>): Promise<Job> {
  const bin = join(workspace.root, "..", "bin");
  mkdirSync(bin, { recursive: true });
  const npm = join(bin, "npm");
  writeFileSync(
    npm,
    `#!/bin/sh\nmkdir -p node_modules/.bin && ln -sf '${join(repository, "bin/pipeline.js")}' node_modules/.bin/pipeline\n`,
  );
  chmodSync(npm, 0o755);
  const words = Object.entries(variables).flatMap(([name, value]) => ["--variable", `${name}=${value}`]);
  const child = spawn(process.execPath, [RUNNER!, "--force-shell-executor", "--shell-isolation", ...words], {
    env: {
      PATH: `${bin}:${dirname(process.execPath)}:${process.env.PATH ?? ""}`,
      HOME: join(workspace.root, ".."),
      PIPELINE_LOCKS: join(workspace.root, "..", "locks"),
    },
    cwd: workspace.root,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (output += text));
  return new Promise((done) => child.on("close", (code) => done({ code, output })));
}

function mergeRequest(branch: Workspace, cache: CacheServer, notes: NotesServer): Promise<Job> {
  return pipeline(branch, {
    CI_PIPELINE_SOURCE: "merge_request_event",
    CI_MERGE_REQUEST_DIFF_BASE_SHA: git(branch.root, "merge-base", "main", "HEAD"),
    CI_MERGE_REQUEST_PROJECT_ID: "42",
    CI_MERGE_REQUEST_IID: "7",
    CI_API_V4_URL: notes.url,
    CI_PROJECT_URL: "https://gitlab.example.org/lab/paper",
    PIPELINE_REMOTE_CACHE: cache.url,
    PIPELINE_COMMENT_TOKEN: TOKEN,
    CACHE_READER: "reads",
  });
}

/** Of the run that a job made in its own folder. */
function summaryOf(branch: Workspace): unknown {
  const lines = branch.read(".gitlab-ci-local/builds/merge-request/run.jsonl").trimEnd().split("\n");
  return JSON.parse(lines.at(-1)!);
}

describe.skipIf(RUNNER === undefined)("docs/ci/gitlab-ci.yml, through gitlab-ci-local", () => {
  it("main fills the cache, a merge request reads it and has one comment, written anew each time", async () => {
    const [cache, notes] = [await startCacheServer(), await startNotesServer(TOKEN)];
    const paper = makePaper();
    paper.write(".gitlab-ci.yml", RECIPE);
    paper.write(".gitignore", `${paper.read(".gitignore")}node_modules/\n.gitlab-ci-local/\n`);
    await paper.run("run");
    commit(paper.root, "the base");
    git(paper.root, "remote", "add", "origin", paper.root);
    const main = await pipeline(paper, {
      CI_COMMIT_BRANCH: "main",
      CI_DEFAULT_BRANCH: "main",
      PIPELINE_REMOTE_CACHE: cache.url,
      CACHE_WRITER: "writes",
    });
    expect(main, main.output).toMatchObject({ code: 0 });
    expect(main.output).not.toContain("comment/comment.md");
    expect(cache.count("PUT", "ac")).toBe(INSTANCES);
    expect(cache.seen.every(({ authorization }) => authorization === "Bearer writes")).toBe(true);

    // Nothing that decides a result: everything comes from the cache, no command is executed.
    const branch = cloneOf(paper);
    git(branch.root, "remote", "add", "origin", paper.root);
    // Somebody else's words are never written over.
    notes.notes.push({ id: 1, author: { id: BOT + 1 }, body: "<!-- pipeline comment --> quoted" });
    branch.write("src/colour.ts", `// In other words.\n${branch.read("src/colour.ts")}`);
    commit(branch.root, "other words");
    cache.reset();
    const same = await mergeRequest(branch, cache, notes);
    expect(same, same.output).toMatchObject({ code: 0 });
    expect(summaryOf(branch)).toMatchObject({ ran: 0, restored: INSTANCES, failed: 0 });
    const blobs = [...cache.entries.keys()].filter((path) => path.startsWith("cas/"));
    expect([cache.count("GET", "ac"), cache.count("GET", "cas"), cache.seen.length]).toEqual([
      INSTANCES,
      blobs.length,
      INSTANCES + blobs.length,
    ]);
    expect(cache.seen.every(({ authorization }) => authorization === "Bearer reads")).toBe(true);
    expect(notes.seen).toEqual(["GET /user", `GET ${NOTES}`, `POST ${NOTES}`]);
    expect(notes.notes[1]?.body).toContain("### pipeline: no result changed\n");

    // A param: two of three run, the comment is written anew, its pictures are the job's artifacts.
    branch.write("pipeline.yaml", branch.read("pipeline.yaml").replace("eta: 2", "eta: 8"));
    commit(branch.root, "a larger step");
    const other = await mergeRequest(branch, cache, notes);
    expect(other, other.output).toMatchObject({ code: 0 });
    expect(summaryOf(branch)).toMatchObject({ ran: 2, restored: 1 });
    expect(notes.seen.slice(3)).toEqual(["GET /user", `GET ${NOTES}`, `PUT ${NOTES}/2`]);
    const { body } = notes.notes[1]!;
    expect(body).toContain("### pipeline: 1 claim no longer holds · 1 figure changed\n");
    const images = [
      ...body.matchAll(/<https:\/\/gitlab\.example\.org\/lab\/paper\/-\/jobs\/\d+\/artifacts\/raw\/([^>]*)>/g),
    ];
    expect(images).toHaveLength(2);
    for (const [, image] of images) {
      expect(branch.exists(`.gitlab-ci-local/artifacts/merge-request/${image}`)).toBe(true);
    }

    // A failure: the pipeline is red, and the comment says why.
    branch.write("pipeline.yaml", branch.read("pipeline.yaml").replace("echo trained", "echo boom && exit 3"));
    commit(branch.root, "broken");
    const broken = await mergeRequest(branch, cache, notes);
    expect(broken, broken.output).toMatchObject({ code: 1 });
    expect(notes.seen.slice(6)).toEqual(["GET /user", `GET ${NOTES}`, `PUT ${NOTES}/2`]);
    expect(notes.notes[1]?.body).toContain("### pipeline: 1 instance failed · 3 results not made\n");
    expect(notes.notes[1]?.body).toContain("\n```text\nboom\n```\n");
    expect(notes.notes[0]?.body).toBe("<!-- pipeline comment --> quoted");
    // No write reached the cache since the main branch.
    expect(cache.seen.every(({ method }) => method === "GET")).toBe(true);
  }, 240_000);
});
