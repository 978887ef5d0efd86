import {
  appendFileSync,
  chmodSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Workspace } from "../../rig/workspace.ts";
import { makeStudy, named } from "./study.ts";

/** Blobs by the artifact that they hold. */
function blobOf(study: Workspace, artifact: string): string {
  const content = study.read(artifact);
  const blob = study.list(".pipeline/cas").find((file) => study.read(file) === content);
  if (blob === undefined) throw new Error(`no blob of ${artifact}`);
  return study.path(blob);
}

function damage(file: string, how: (file: string) => void): void {
  chmodSync(file, 0o644);
  how(file);
}

describe("a damaged blob", () => {
  const damages: Record<string, (file: string) => void> = {
    "with another byte": (file) => writeFileSync(file, readFileSync(file, "utf8").replace("9", "8")),
    "cut short": (file) => truncateSync(file, 3),
    grown: (file) => appendFileSync(file, " "),
    empty: (file) => truncateSync(file, 0),
  };
  for (const [what, how] of Object.entries(damages)) {
    it(`${what} is never restored: its action runs again`, async () => {
      const study = makeStudy();
      await study.run("run");
      const [table, train] = [study.read("artifacts/table.txt"), study.read("artifacts/runs/0.5.json")];
      damage(blobOf(study, "artifacts/runs/0.5.json"), how);
      study.remove("artifacts/runs/0.5.json");
      const { events, summary, code } = await study.run("run", "--json");
      expect(code).toBe(0);
      expect(named(events, "ran")).toEqual(["train@eta=0.5"]);
      expect(summary).toMatchObject({ ran: 1, fresh: 5 });
      expect(events).toContainEqual({
        type: "warning",
        message: "the cached artifacts/runs/0.5.json of train@eta=0.5 is corrupted: it is made again",
      });
      expect(study.read("artifacts/runs/0.5.json")).toBe(train);
      expect(study.read("artifacts/table.txt")).toBe(table);
      expect(study.list(".pipeline/quarantine")).toHaveLength(1);
      // And healed.
      study.remove("artifacts");
      expect((await study.run("run", "--json")).summary).toMatchObject({ restored: 6, ran: 0 });
    });
  }

  it("that is gone makes its action run again, with the reason", async () => {
    const study = makeStudy();
    await study.run("run");
    rmSync(blobOf(study, "artifacts/table.txt"));
    study.remove("artifacts/table.txt");
    const { events } = await study.run("run", "--json");
    expect(events).toContainEqual(
      expect.objectContaining({
        type: "started",
        instance: "table",
        reasons: [{ kind: "blob", subject: "artifacts/table.txt", after: "missing" }],
      }),
    );
  });

  it("does not matter while its artifact is in place", async () => {
    const study = makeStudy();
    await study.run("run");
    study.remove(".pipeline/cas");
    expect((await study.run("run", "--json")).summary).toMatchObject({ fresh: 6 });
  });
});

describe("an action record", () => {
  const records = (study: Workspace): string[] => study.list(".pipeline/actions").map((file) => study.path(file));

  it("that is broken, or of another format, is a miss with a warning", async () => {
    const damages: Record<string, (text: string) => string> = {
      "is broken": (text) => text.slice(0, text.length / 2),
      "is broken (its checksum does not match)": (text) =>
        text.replace(/"digest":"./, (start) => (start.endsWith("0") ? '"digest":"1' : '"digest":"0')),
      "has format 999": (text) => text.replace('"format":1', '"format":999'),
      "is broken ": () => "[]",
    };
    for (const [what, how] of Object.entries(damages)) {
      const study = makeStudy();
      await study.run("run");
      for (const file of records(study)) writeFileSync(file, how(readFileSync(file, "utf8")));
      study.remove(".pipeline/index");
      const { events, summary, code } = await study.run("run", "--json");
      expect(code).toBe(0);
      expect(summary).toMatchObject({ ran: 6, failed: 0 });
      const warning = events.find((event) => event.type === "warning");
      expect(warning?.type === "warning" && warning.message, what).toContain(what.trim());
      study.remove(".pipeline/index");
      expect((await study.run("run", "--json")).summary).toMatchObject({ fresh: 6 });
    }
  });

  it("of another key does not stand in for it", async () => {
    const study = makeStudy();
    await study.run("run");
    const [one, two] = records(study);
    writeFileSync(one!, readFileSync(two!));
    study.remove(".pipeline/index");
    const { events, summary } = await study.run("run", "--json");
    expect(summary).toMatchObject({ ran: 1, fresh: 5 });
    expect(events).toContainEqual({ type: "warning", message: expect.stringContaining("belongs to another key") });
  });
});

describe("the indexes", () => {
  it("that are broken cost a look and nothing else", async () => {
    const study = makeStudy();
    await study.run("run");
    for (const name of readdirSync(study.path(".pipeline/index")))
      writeFileSync(join(study.path(".pipeline/index"), name), "{ not json");
    expect((await study.run("run", "--json")).summary).toMatchObject({ fresh: 6 });
  });

  it("notice an edit that keeps the size, at once", async () => {
    const study = makeStudy();
    // Within one tick of the clock, as fast as it goes.
    for (const digit of ["3", "4", "5", "6"]) {
      study.write("input/images.txt", `${digit}\n1\n2\n`);
      const { events } = await study.run("run", "--json", "data");
      expect(named(events, "ran")).toEqual(["data"]);
      expect(study.read("artifacts/data.txt")).toContain(digit);
    }
  });
});

describe("a cache folder", () => {
  it("that cannot be written ends the run with a sentence and exit code 2", async () => {
    const study = makeStudy();
    study.write(".pipeline", "a file, not a folder");
    const { code, stderr, stdout } = await study.run("run");
    expect(code).toBe(2);
    expect(stdout + stderr).toContain(".pipeline");
    expect(stdout + stderr).not.toContain("    at ");
  });

  it.skipIf(process.platform !== "linux")("that is read-only does so too", async () => {
    const study = makeStudy();
    // Root may write anywhere but where the kernel says no.
    symlinkSync("/sys", study.path(".pipeline"));
    const { code, stderr, stdout } = await study.run("run");
    expect(code).toBe(2);
    expect(stderr).toMatch(/permission denied while using the cache in \.pipeline/);
    expect(stdout + stderr).not.toContain("    at ");
  });

  it("never holds scratch files after a run", async () => {
    const study = makeStudy();
    await study.run("run");
    study.write("stages/train.ts", "export default 1;\n");
    await study.run("run");
    expect(study.list(".pipeline/tmp")).toEqual([]);
    expect(study.list(".pipeline/locks")).toEqual([]);
  });
});
