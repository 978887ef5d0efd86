import { describe, expect, it } from "vitest";
import { makeStudy, named, SHARED, STUDY } from "./study.ts";

const ALL = { ran: 0, restored: 0, fresh: 0, failed: 0, skipped: 0 };

describe("a second run", () => {
  it("finds everything fresh and runs nothing", async () => {
    const study = makeStudy();
    expect((await study.run("run", "--json")).summary).toMatchObject({ ...ALL, ran: 6 });
    expect((await study.run("run", "--json")).summary).toMatchObject({ ...ALL, fresh: 6 });
    expect(study.read("artifacts/table.txt")).toBe("[90,0][45,0]");
  });

  it("loads neither bundler, shell, validator nor YAML parser", async () => {
    const study = makeStudy();
    // No pattern in it: real ones need fast-glob.
    await study.run("run");
    await study.runWith({ env: { NODE_V8_COVERAGE: study.path("coverage") } }, "run");
    const loaded = study.list("coverage").flatMap((file) => {
      const { result } = JSON.parse(study.read(file)) as { result: { url: string }[] };
      return result.map(({ url }) => url);
    });
    expect(loaded.some((url) => url.includes("bin/launch.js"))).toBe(true);
    expect(loaded.filter((url) => /node_modules\/(?!\.cache)/.test(url))).toEqual([]);
  });
});

describe("an edit of the code", () => {
  it("that is a comment, formatting or unused code runs nothing", async () => {
    const study = makeStudy();
    await study.run("run");
    study.write(
      "src/shared.ts",
      `/** New words. */\n${SHARED.replace("STEPS = 3;", "STEPS   =   3;\n\n// more words")}\nexport const unused = 1;\n`,
    );
    expect((await study.run("run", "--json")).summary).toMatchObject({ ...ALL, fresh: 6 });
  });

  it("of a constant in a shared module runs those that use it, and what hangs on their bytes", async () => {
    const study = makeStudy();
    await study.run("run");
    study.write("src/shared.ts", SHARED.replace("SCALE = 10", "SCALE = 20"));
    const { events, summary } = await study.run("run", "--json");
    expect(named(events, "ran")).toEqual(["spectrum@eta=0.25", "spectrum@eta=0.5", "table"]);
    expect(summary).toMatchObject({ ...ALL, ran: 3, fresh: 3 });
  });

  it("that is taken back restores what was, and runs nothing", async () => {
    const study = makeStudy();
    await study.run("run");
    const before = study.read("artifacts/table.txt");
    study.write("src/shared.ts", SHARED.replace("SCALE = 10", "SCALE = 20"));
    await study.run("run");
    expect(study.read("artifacts/table.txt")).not.toBe(before);
    study.write("src/shared.ts", SHARED);
    const { events, summary } = await study.run("run", "--json");
    expect(summary).toMatchObject({ ...ALL, restored: 3, fresh: 3 });
    expect(named(events, "restored")).toEqual(["spectrum@eta=0.25", "spectrum@eta=0.5", "table"]);
    expect(study.read("artifacts/table.txt")).toBe(before);
  });
});

describe("early cutoff", () => {
  it("stops where an action makes the same bytes from other inputs", async () => {
    const study = makeStudy();
    await study.run("run");
    study.write("input/images.txt", "2\n3\n1\n");
    const { events, summary } = await study.run("run", "--json");
    expect(named(events, "ran")).toEqual(["data"]);
    expect(summary).toMatchObject({ ...ALL, ran: 1, fresh: 5 });
  });

  it("does not rerun what reads an out whose bytes stayed", async () => {
    const study = makeStudy();
    await study.run("run");
    study.write("pipeline.yaml", STUDY.replace("sort -n", "sort -g"));
    const { events, summary } = await study.run("run", "--json");
    expect(named(events, "ran")).toEqual(["data"]);
    expect(summary).toMatchObject({ ...ALL, ran: 1, fresh: 5 });
  });
});

describe("a change of params", () => {
  it("adds one instance and what fans it in", async () => {
    const study = makeStudy();
    await study.run("run");
    study.write("pipeline.yaml", STUDY.replace("0.25]", "0.25, 2]"));
    const { events } = await study.run("run", "--json");
    expect(named(events, "ran")).toEqual(["spectrum@eta=2", "table", "train@eta=2"]);
    study.write("pipeline.yaml", STUDY);
    const back = await study.run("run", "--json");
    expect(back.summary).toMatchObject({ ...ALL, restored: 1, fresh: 5 });
  });

  it("through --set is another state, and the old one comes back from the cache", async () => {
    const study = makeStudy();
    await study.run("run");
    const other = await study.run("run", "--json", "--set", "etas=[4]");
    expect(named(other.events, "ran")).toEqual(["spectrum@eta=4", "table", "train@eta=4"]);
    expect((await study.run("run", "--json")).summary).toMatchObject({ ...ALL, restored: 1, fresh: 5 });
  });
});

describe("artifacts in the workspace", () => {
  it("that someone edited or deleted are noticed and restored", async () => {
    const study = makeStudy();
    await study.run("run");
    const [run, table] = [study.read("artifacts/runs/0.5.json"), study.read("artifacts/table.txt")];
    study.write("artifacts/runs/0.5.json", run.replace("9", "8"));
    study.remove("artifacts/table.txt");
    const { events, summary } = await study.run("run", "--json");
    expect(named(events, "restored")).toEqual(["table", "train@eta=0.5"]);
    expect(summary).toMatchObject({ ...ALL, restored: 2, fresh: 4 });
    expect(study.read("artifacts/runs/0.5.json")).toBe(run);
    expect(study.read("artifacts/table.txt")).toBe(table);
  });

  it("all come back when the folder is gone, and without the indexes everything is still known", async () => {
    const study = makeStudy();
    await study.run("run");
    study.remove("artifacts");
    expect((await study.run("run", "--json")).summary).toMatchObject({ ...ALL, restored: 6 });
    study.remove(".pipeline/index");
    expect((await study.run("run", "--json")).summary).toMatchObject({ ...ALL, fresh: 6 });
  });
});

describe("--force", () => {
  it("runs what is named again, and nothing that it depends on", async () => {
    const study = makeStudy();
    await study.run("run");
    const { events, summary } = await study.run("run", "--json", "--force", "table");
    expect(named(events, "ran")).toEqual(["table"]);
    expect(summary).toMatchObject({ ran: 1, fresh: 5 });
  });

  it("warns of a stage that makes other bytes from the same inputs", async () => {
    const study = makeStudy();
    study.write(
      "pipeline.yaml",
      'version: 1\nstages:\n  odd:\n    cmd: "printf $RANDOM$RANDOM$$ > ${outs.x}"\n    outs: { x: x.txt }\n',
    );
    await study.run("run");
    const { events } = await study.run("run", "--json", "--force");
    expect(events).toContainEqual({
      type: "warning",
      message: expect.stringMatching(/^odd made another artifacts\/x.txt .* not deterministic$/),
    });
  });
});
