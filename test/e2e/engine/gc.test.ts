import { chmodSync, readFileSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { makeWorkspace, type Workspace } from "../../rig/workspace.ts";

/** Three results of one stage: the file's, the profile's, and one of --set that nothing reaches. */
async function three(): Promise<Workspace> {
  const workspace = makeWorkspace();
  workspace.write(
    "pipeline.yaml",
    `version: 1
params: { word: here }
profiles: { other: { word: other } }
stages:
  a:
    cmd: |
      ${workspace.counting("${params.word}")}
      mkdir -p \${outs.folder}/deep; echo \${params.word} > \${outs.folder}/deep/word; echo \${params.word} twice > \${outs.o}
    outs: { o: o.txt, folder: { path: folder, kind: directory } }
  b: { cmd: "cat \${deps.o} > \${outs.o}; echo b >> \${outs.o}", deps: { o: a.o }, outs: { o: b.txt } }
`,
  );
  await workspace.run("run", "--set", "word=gone");
  await workspace.run("run", "--profile", "other");
  await workspace.run("run");
  return workspace;
}

interface Report {
  readonly removed: {
    readonly results: number;
    readonly blobs: number;
    readonly bytes: number;
    readonly others: readonly { readonly kind: string; readonly name: string; readonly bytes: number }[];
  };
  readonly kept: { readonly results: number; readonly bytes: number };
  readonly busy: boolean;
}

async function gc(workspace: Workspace, ...args: string[]): Promise<Report> {
  const { code, stdout } = await workspace.run("gc", "--json", ...args);
  expect(code).toBe(0);
  return JSON.parse(stdout) as Report;
}

const blobs = (workspace: Workspace): number => workspace.list(".pipeline/cas").length;

describe("gc", () => {
  it("keeps what the file reaches with every profile, and removes the rest with its blobs", async () => {
    const workspace = await three();
    const before = blobs(workspace);
    const plan = await gc(workspace, "--older-than", "0", "--dry-run");
    expect(blobs(workspace)).toBe(before);
    const done = await gc(workspace, "--older-than", "0");
    expect(done).toEqual(plan);
    // Each result of `a` has a file, a tree and its file; each of `b` a file.
    expect(done).toMatchObject({ removed: { results: 2, blobs: 4 }, kept: { results: 4 }, busy: false });
    expect(blobs(workspace)).toBe(8);
    workspace.remove("artifacts");
    expect((await workspace.run("run", "--json")).summary).toMatchObject({ restored: 2, ran: 0 });
    expect((await workspace.run("run", "--json", "--profile", "other")).summary).toMatchObject({ restored: 2, ran: 0 });
    expect((await workspace.run("run", "--json", "--set", "word=gone")).summary).toMatchObject({ ran: 2 });
    expect((await workspace.run("cache", "check")).code).toBe(0);
  });

  it("removes what unfinished actions keep, but for those that the file may still finish", async () => {
    const workspace = makeWorkspace({
      "pipeline.yaml": `version: 1
params: { word: here }
stages:
  a: { cmd: 'echo \${params.word} > $PIPELINE_RESUME/half; exit 1; touch \${outs.o}', resume: true, outs: { o: o } }
`,
    });
    await workspace.run("run", "--set", "word=gone");
    expect(workspace.list(".pipeline/resume")).toHaveLength(1);
    await gc(workspace, "--older-than", "0", "--dry-run");
    expect(workspace.list(".pipeline/resume")).toHaveLength(1);
    await gc(workspace, "--older-than", "0");
    expect(workspace.list(".pipeline/resume")).toEqual([]);
    await workspace.run("run");
    await gc(workspace, "--older-than", "0");
    expect(workspace.list(".pipeline/resume")).toHaveLength(1);
  });

  /** A declared stage and profile, and one of each that is then gone: each has printed something and left a state. */
  async function undeclared(): Promise<Workspace> {
    const workspace = makeWorkspace();
    const stage = (name: string): string =>
      `  ${name}: { cmd: 'echo said; head -c 500 /dev/zero > $PIPELINE_RESUME/half; exit 1; touch \${outs.o}', resume: true, outs: { o: ${name} } }\n`;
    const declared = `version: 1\nprofiles: { here: {} }\nstages:\n${stage("a")}`;
    workspace.write("pipeline.yaml", `${declared.replace("here: {}", "here: {}, gone: {}")}${stage("b")}`);
    await workspace.run("run", "--keep-going", "--profile", "gone");
    await workspace.run("run", "--keep-going", "--profile", "here");
    workspace.write("pipeline.yaml", declared);
    return workspace;
  }

  it("removes what is left of stages and profiles that are no more, says what, and leaves that of the others", async () => {
    const workspace = await undeclared();
    const files = (): string[] =>
      ["logs", "plans", "resume"]
        .flatMap((folder) => workspace.list(`.pipeline/${folder}`))
        .map((file) => file.replace(/[0-9a-f]{64}/, "KEY"));
    const here = [".pipeline/logs/a.log", ".pipeline/plans/here.json", ".pipeline/resume/a/KEY/half"];
    const gone = [".pipeline/logs/b.log", ".pipeline/plans/gone.json", ".pipeline/resume/b/KEY/half"];
    expect(files().filter((file) => !file.endsWith("default.json"))).toEqual([...here, ...gone].sort());
    // Young ones stay.
    expect((await gc(workspace)).removed.others).toEqual([]);
    const plan = await gc(workspace, "--older-than", "0", "--dry-run");
    expect(plan.removed.others.map(({ kind, name }) => `${kind} ${name}`)).toEqual([
      "log b",
      "plan gone.json",
      "resume b",
    ]);
    expect(plan.removed.others.map(({ bytes }) => bytes)).toEqual([5, expect.any(Number), 500]);
    const { stdout } = await workspace.run("gc", "--older-than", "0", "-n");
    expect(stdout).toMatch(
      /^log b \(5 B\)\nplan gone\.json \(.*\)\nresume b \(500 B\)\nwould remove 0 results, 0 blobs, 1 log, 1 plan and 1 unfinished state \(/,
    );
    expect(await gc(workspace, "--older-than", "0")).toEqual(plan);
    expect(files().filter((file) => !file.endsWith("default.json"))).toEqual(here);
    expect(workspace.exists(".pipeline/resume/b")).toBe(false);
  });

  it("counts unfinished states in the size, and takes the oldest of all first", async () => {
    const workspace = await undeclared();
    const [state] = workspace.list(".pipeline/resume/b") as [string];
    const folder = workspace.path(state.slice(0, -"/half".length));
    utimesSync(folder, new Date(0), new Date(0));
    const sizeOf = (of: readonly { readonly bytes: number }[]): number => of.reduce((sum, { bytes }) => sum + bytes, 0);
    const others = (await gc(workspace, "--older-than", "0", "-n")).removed.others;
    // Old enough for none by age: one byte too many, and the state goes.
    const removed = (await gc(workspace, "--older-than", "99999d", "--max-size", `${sizeOf(others) - 1}B`, "-n"))
      .removed;
    expect(removed.others.map(({ kind }) => kind)).toEqual(["resume"]);
    expect((await gc(workspace, "--older-than", "99999d", "--max-size", `${sizeOf(others)}B`)).removed.others).toEqual(
      [],
    );
    expect((await gc(workspace, "--max-size", "0")).removed.others).toHaveLength(3);
    expect(workspace.exists(".pipeline/logs/a.log")).toBe(true);
  });

  it("leaves a state alone while somebody goes on from it", async () => {
    const workspace = makeWorkspace({
      "pipeline.yaml": `version: 1
params: { n: 1 }
stages:
  a: { cmd: 'echo \${params.n} > $PIPELINE_RESUME/half; echo there; until [ -e go ]; do sleep 0.02; done; cp $PIPELINE_RESUME/half \${outs.o}', resume: true, outs: { o: o } }
`,
    });
    const running = workspace.start({}, "run", "--json", "--set", "n=2");
    await running.printed(/"line":"there"/);
    const [state] = workspace.list(".pipeline/resume") as [string];
    // As if it had last been written to long ago: its lock alone says that it is in use.
    utimesSync(workspace.path(state.slice(0, -"/half".length)), new Date(0), new Date(0));
    await gc(workspace, "--older-than", "0");
    expect(workspace.exists(state)).toBe(true);
    workspace.write("go", "");
    expect((await running.ended).summary).toMatchObject({ ran: 1 });
    expect(workspace.read("artifacts/o")).toBe("2\n");
  });

  it("goes by age: young results stay, and a restore makes one young", async () => {
    const workspace = await three();
    expect(await gc(workspace)).toMatchObject({ removed: { results: 0, blobs: 0 }, kept: { results: 6 } });
    expect((await workspace.run("gc", "--older-than", "1h")).stdout).toMatch(
      /^removed 0 results and 0 blobs \(0 B\); 6 results/,
    );
  });

  it("goes by size: the oldest that nothing reaches go first, and nothing that is reached", async () => {
    const workspace = await three();
    const { kept } = await gc(workspace, "--dry-run");
    expect((await gc(workspace, "--max-size", `${kept.bytes}B`)).removed.results).toBe(0);
    // One byte too many: the oldest one is enough.
    expect((await gc(workspace, "--max-size", `${kept.bytes - 1}B`)).removed.results).toBe(1);
    expect(await gc(workspace, "--max-size", "0")).toMatchObject({ removed: { results: 1 }, kept: { results: 4 } });
  });

  it("keeps the last result of a stage that would run, and of what depends on it", async () => {
    const workspace = await three();
    const text = workspace.read("pipeline.yaml");
    workspace.write("pipeline.yaml", text.replace("twice", "thrice"));
    await gc(workspace, "--older-than", "0");
    workspace.write("pipeline.yaml", text);
    expect((await workspace.run("run", "--json")).summary).toMatchObject({ fresh: 2, ran: 0 });
  });

  it("leaves what is young alone while another pipeline runs, which then finishes", async () => {
    const workspace = await three();
    workspace.write(
      "pipeline.yaml",
      `${workspace.read("pipeline.yaml")}  slow: { cmd: "cp \${deps.o} \${outs.o}; echo waiting; until [ -e go ]; do sleep 0.02; done", deps: { o: b.o }, outs: { o: slow.txt } }\n`,
    );
    const running = workspace.start({}, "run", "--json", "--set", "word=new");
    await running.printed(/"type":"output","instance":"slow".*waiting/);
    const report = await gc(workspace, "--older-than", "0");
    expect(report).toMatchObject({ removed: { results: 0, blobs: 0 }, busy: true });
    workspace.write("go", "");
    expect((await running.ended).summary).toMatchObject({ ran: 3, failed: 0 });
    expect((await workspace.run("run", "--json", "--set", "word=new")).summary).toMatchObject({ fresh: 3 });
    expect((await gc(workspace, "--older-than", "0")).removed.results).toBeGreaterThan(0);
  });
});

describe("cache check", () => {
  it("finds every single flipped byte, and what was damaged is made again", async () => {
    const workspace = await three();
    expect((await workspace.run("cache", "check")).stdout).toMatch(/^12 blobs \(\d+ B\), 6 records: sound\n$/);
    const file = workspace.list(".pipeline/cas").find((blob) => workspace.read(blob) === "here twice\n")!;
    const bytes = readFileSync(workspace.path(file));
    for (const at of [0, 5, bytes.length - 1]) {
      const flipped = Buffer.from(bytes);
      flipped[at]! ^= 1;
      const { mtime, atime } = statSync(workspace.path(file));
      chmodSync(workspace.path(file), 0o644);
      writeFileSync(workspace.path(file), flipped);
      utimesSync(workspace.path(file), atime, mtime);
      const { code, stdout } = await workspace.run("cache", "check");
      expect(code).toBe(1);
      expect(stdout).toMatch(
        /^corrupted blob {2}the blob [0-9a-f]{64} is corrupted; it was moved to \.pipeline\/quarantine\n/,
      );
      expect(stdout).toMatch(/incomplete result {2}a result of a lacks its blob [0-9a-f]{64}: it would run again\n/);
      workspace.remove("artifacts/o.txt");
      expect((await workspace.run("run", "--json")).summary).toMatchObject({ ran: 1, failed: 0 });
      expect((await workspace.run("cache", "check")).code).toBe(0);
    }
  });

  it("quarantines broken records, and leaves those of another version to it", async () => {
    const workspace = await three();
    const [broken, old] = workspace.list(".pipeline/actions") as [string, string];
    workspace.write(broken, workspace.read(broken).slice(1));
    workspace.write(old, workspace.read(old).replace('"format":1', '"format":0'));
    const { code, stdout } = await workspace.run("cache", "check", "--json");
    expect(code).toBe(1);
    const { problems } = JSON.parse(stdout) as { problems: { reason: string }[] };
    expect(problems.map(({ reason }) => reason).sort()).toEqual(["broken-record", "old-record"]);
    expect(workspace.exists(broken)).toBe(false);
    expect(workspace.exists(old)).toBe(true);
    expect((await workspace.run("cache", "check")).code).toBe(0);
  });

  it("says that an empty cache is sound", async () => {
    expect((await makeWorkspace().run("cache", "check")).stdout).toBe("0 blobs (0 B), 0 records: sound\n");
  });
});
