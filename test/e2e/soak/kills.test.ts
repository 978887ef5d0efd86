import { setTimeout as pause } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { artifactsOf, COUNT, expectedOf, full, makeLayers, randomOf } from "./layers.ts";

const KILLS = full ? 300 : 5;
const SEED = 20_240_613;

describe(`${KILLS} kills at random instants over ${COUNT} stages${full ? "" : " (SOAK=full: 300)"}`, () => {
  it("give no wrong artifact, lose nothing that was finished, and leave no lock", { timeout: 1_200_000 }, async () => {
    const workspace = makeLayers();
    const random = randomOf(SEED);
    let salt = 1;
    let finished = new Set<string>();
    const known = new Map<number, Map<string, string>>();
    // A run from nothing to its end: kills fall uniformly into that span and a little beyond.
    const started = performance.now();
    await workspace.run("run", "--set", "salt=0");
    const span = 1.1 * (performance.now() - started);
    expect(artifactsOf(workspace)).toEqual(expectedOf(0));

    for (let kills = 0; kills < KILLS; ) {
      const running = workspace.start({}, "run", "--json", "--jobs", "3", "--set", `salt=${salt}`);
      // The kill is the test: no condition can stand in for a random instant.
      await Promise.race([pause(random() * span), running.ended]);
      running.kill("SIGKILL");
      const { events, signal, code, stderr } = await running.ended;
      if (signal === "SIGKILL") kills++;
      else expect(code, stderr).toBe(0);
      for (const event of events) {
        if (event.type === "started") expect(finished.has(event.instance), `${event.instance} ran twice`).toBe(false);
        if (event.type === "failed") expect(event.failure).toBeUndefined();
        if (event.type === "ran" || event.type === "restored" || event.type === "fresh") finished.add(event.instance);
      }
      // Artifacts appear whole: each is of this salt or of one before.
      const present = artifactsOf(workspace);
      for (const [path, text] of present) {
        const of = Number(/ (\d+)\n$/.exec(text)?.[1]);
        const right = known.get(of) ?? expectedOf(of);
        known.set(of, right);
        expect(text, path).toBe(right.get(path));
      }
      if (finished.size < COUNT) continue;
      const last = await workspace.run("run", "--json", "--set", `salt=${salt}`);
      expect(last.summary).toMatchObject({ ran: 0, failed: 0, skipped: 0 });
      expect(artifactsOf(workspace)).toEqual(expectedOf(salt));
      salt++;
      finished = new Set();
    }
    const last = await workspace.run("run", "--json", "--set", `salt=${salt}`);
    expect(last.summary).toMatchObject({ failed: 0, skipped: 0 });
    expect(artifactsOf(workspace)).toEqual(expectedOf(salt));
    // The next run that does something tidies up what the dead have left.
    expect((await workspace.run("run", "--json", "--set", `salt=${salt + 1}`)).summary).toMatchObject({ ran: COUNT });
    expect(workspace.list(".pipeline/locks")).toEqual([]);
    expect(workspace.list(".pipeline/tmp")).toEqual([]);
    expect((await workspace.run("cache", "check")).code).toBe(0);
  });

  it("of one of two runs do not hold up the other", { timeout: 600_000 }, async () => {
    const workspace = makeLayers();
    const random = randomOf(SEED + 1);
    for (let salt = 1; salt <= (full ? 20 : 2); salt++) {
      const set = ["run", "--json", "--jobs", "2", "--set", `salt=${salt}`];
      const [victim, other] = [workspace.start({}, ...set), workspace.start({}, ...set)];
      await Promise.race([pause(random() * 1000), other.ended]);
      victim.kill("SIGKILL");
      const [, { code, stderr, summary }] = await Promise.all([victim.ended, other.ended]);
      expect(code, stderr).toBe(0);
      expect(summary).toMatchObject({ failed: 0, skipped: 0 });
      expect(artifactsOf(workspace)).toEqual(expectedOf(salt));
    }
  });
});

describe("two runs at once in one workspace", () => {
  it("run every action once, and both end well", { timeout: 600_000 }, async () => {
    const workspace = makeLayers();
    for (let salt = 1; salt <= (full ? 10 : 1); salt++) {
      const set = ["run", "--json", "--jobs", "2", "--set", `salt=${salt}`];
      const both = await Promise.all([workspace.run(...set), workspace.run(...set)]);
      for (const { code, stderr, summary } of both) {
        expect(code, stderr).toBe(0);
        expect(summary).toMatchObject({ failed: 0, skipped: 0 });
      }
      expect(workspace.counted().filter((line) => line.startsWith(`${salt} `))).toHaveLength(COUNT);
      expect(both[0].summary!.ran + both[1].summary!.ran).toBe(COUNT);
      expect(artifactsOf(workspace)).toEqual(expectedOf(salt));
    }
  });
});
