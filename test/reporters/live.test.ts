import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Event } from "../../src/engine/plan/event.ts";
import type { InstanceName, Key } from "../../src/engine/plan/plan.ts";
import { type Clock, createLiveReporter } from "../../src/reporters/live.ts";
import { createPalette } from "../../src/reporters/palette.ts";
import type { Reporter } from "../../src/reporters/reporter.ts";
import { createVirtualTerminal, type VirtualTerminal } from "./virtual-terminal.ts";

const key = "k" as Key;

/** A live reporter on a virtual terminal, with a clock that the test turns. */
function rig(columns: number, rows: number): { terminal: VirtualTerminal; reporter: Reporter; wait(ms: number): void } {
  const terminal = createVirtualTerminal(columns, rows);
  let now = 0;
  const ticking = new Set<() => void>();
  const clock: Clock = {
    now: () => now,
    every(_interval, tick) {
      ticking.add(tick);
      return () => ticking.delete(tick);
    },
  };
  const screen = { write: terminal.write, palette: createPalette(true), rerun: (i: string) => `npx pipeline run ${i}` };
  const reporter = createLiveReporter({ ...screen, columns: () => columns, rows: () => rows }, clock);
  const wait = (ms: number): void => {
    for (let passed = 0; passed < ms; passed += 100) {
      now += 100;
      for (const tick of ticking) tick();
    }
  };
  return { terminal, reporter, wait };
}

const plan = (stages: Record<string, number>): Event => ({
  type: "plan",
  profile: "quick",
  instances: Object.values(stages).reduce((sum, n) => sum + n, 0),
  platform: "onnx:cpu",
  stages: Object.entries(stages).map(([stage, instances]) => ({ stage, instances })),
});
const started = (instance: string): Event => ({
  type: "started",
  instance: instance as InstanceName,
  key,
  reasons: [],
});
const ran = (instance: string, seconds = 1): Event => ({
  type: "ran",
  instance: instance as InstanceName,
  key,
  seconds,
});
const progress = (instance: string, done: number, total: number, unit = "epochs"): Event => ({
  type: "progress",
  instance: instance as InstanceName,
  progress: { done, total, unit },
});
const summary = (counts: Partial<Extract<Event, { type: "summary" }>>): Event => ({
  type: "summary",
  ran: 0,
  restored: 0,
  fresh: 0,
  failed: 0,
  skipped: 0,
  seconds: 2,
  ...counts,
});

describe("the live view", () => {
  it("says in one line when everything is fresh, and touches no cursor", () => {
    const { terminal, reporter } = rig(80, 24);
    reporter.emit(plan({ a: 1, b: 2 }));
    for (const instance of ["a", "b@k=1", "b@k=2"])
      reporter.emit({ type: "fresh", instance: instance as InstanceName, key });
    reporter.emit(summary({ fresh: 3, seconds: 0.05 }));
    reporter.close();
    expect(terminal.rows()).toEqual(["quick · 3 instances · onnx:cpu", "everything is fresh · 3 instances · 0.05 s"]);
    expect(terminal.cursorHidden).toBe(false);
  });

  it("shows where the job of an action is until it tells its progress, and that it was put back", () => {
    const { terminal, reporter, wait } = rig(80, 24);
    const instance = "train" as InstanceName;
    const shown = (): string => terminal.rows().join("\n");
    reporter.emit(plan({ train: 1 }));
    reporter.emit(started("train"));
    reporter.emit({ type: "job", instance, job: "12_0", state: "queued" });
    wait(1000);
    expect(shown()).toContain("train  1 s  job 12_0 is queued");
    reporter.emit({ type: "job", instance, job: "12_0", state: "running", node: "n7" });
    wait(1000);
    expect(shown()).toContain("train  2 s  job 12_0 on n7");
    reporter.emit(progress("train", 5, 10));
    wait(100);
    expect(shown()).not.toContain("12_0");
    reporter.emit({ type: "job", instance, job: "12_0", state: "requeued" });
    wait(100);
    expect(shown()).toMatch(/↻ train +job 12_0 was put back and starts again/);
  });

  it("shows what runs beside each other, and what starts again", () => {
    const { terminal, reporter, wait } = rig(80, 24);
    reporter.emit(plan({ train: 3 }));
    for (const eta of [1, 2, 3]) reporter.emit(started(`train@eta=${eta}`));
    reporter.emit(progress("train@eta=2", 0, 10));
    wait(1000);
    reporter.emit(progress("train@eta=2", 5, 10));
    reporter.emit(ran("train@eta=1"));
    const failure = { reason: "killed", message: "train@eta=3 was killed", remedy: undefined, output: [] };
    const instance = "train@eta=3" as InstanceName;
    reporter.emit({ type: "retrying", instance, failure, attempt: 2, attempts: 3, seconds: 4 });
    wait(100);
    const told = "↻ train@eta=3             killed: train@eta=3 was killed  attempt 2 of 3 in 4.00 s";
    expect(terminal.rows().join("").replaceAll(/\s+/g, " ")).toContain(told.replaceAll(/\s+/g, " "));
    expect(terminal.rows().filter((row) => row.includes("train@eta=2"))).toHaveLength(1);
    // Until it starts again it does not run.
    expect(terminal.rows().filter((row) => row.includes("train@eta=1"))).toEqual([]);
    reporter.emit(started("train@eta=3"));
    wait(100);
    expect(
      terminal.rows().some((row) => row.includes("train@eta=3") && !row.includes("↻") && !row.includes("killed")),
    ).toBe(true);
    reporter.emit(ran("train@eta=3"));
    reporter.emit(ran("train@eta=2"));
    reporter.emit(summary({ ran: 3 }));
    expect(terminal.rows().some((row) => row.includes("3 ran"))).toBe(true);
  });

  it("shows bar, count, rate and remaining time of what runs, then one line for each finished stage", () => {
    const { terminal, reporter, wait } = rig(80, 24);
    reporter.emit(plan({ data: 1, train: 2 }));
    reporter.emit(started("data"));
    wait(200);
    expect(terminal.cursorHidden).toBe(true);
    reporter.emit(ran("data", 0.2));
    reporter.emit(started("train@eta=0.1"));
    reporter.emit(started("train@eta=0.2"));
    reporter.emit(progress("train@eta=0.1", 0, 200));
    wait(1000);
    reporter.emit(progress("train@eta=0.1", 50, 200));
    wait(100);
    const shown = terminal.rows();
    expect(shown.slice(0, 2)).toEqual(["quick · 3 instances · onnx:cpu", "✓ data                    0.20 s"]);
    // 50 epochs in one second: 150 more take three.
    expect(shown[2]).toMatch(/^. train@eta=0\.1 {2}━+╸?─+ {2}50\/200 epochs {2}50\/s {2}3 s left$/);
    expect(shown[3]).toMatch(/^. train@eta=0\.2 {2}1 s$/);
    expect(shown[4]).toMatch(/1\/3 · 1 ran · 2 running · 1 s$/);
    expect(shown).toHaveLength(5);
    reporter.emit(ran("train@eta=0.1"));
    reporter.emit(ran("train@eta=0.2"));
    reporter.emit(summary({ ran: 3 }));
    reporter.close();
    expect(terminal.rows()).toEqual([
      "quick · 3 instances · onnx:cpu",
      "✓ data                    0.20 s",
      "✓ train                   2 ran  1.10 s",
      "3 ran · 2.00 s",
    ]);
    expect(terminal.cursorHidden).toBe(false);
  });

  it("tells a failure with its last output and the command that repeats it", () => {
    const { terminal, reporter, wait } = rig(80, 24);
    reporter.emit(plan({ train: 2, plot: 1 }));
    reporter.emit(started("train@eta=0.1"));
    wait(300);
    const failure = { reason: "stage-failed", message: "it broke\nbadly", remedy: "mend it", output: ["one", "two"] };
    reporter.emit({ type: "failed", instance: "train@eta=0.1" as InstanceName, failure, seconds: 0.3 });
    reporter.emit({ type: "skipped", instance: "plot" as InstanceName, because: "train@eta=0.1" as InstanceName });
    reporter.emit(ran("train@eta=0.2"));
    reporter.emit(summary({ failed: 1, skipped: 1, ran: 1 }));
    reporter.close();
    expect(terminal.rows()).toEqual([
      "quick · 3 instances · onnx:cpu",
      "✗ train@eta=0.1  stage failed after 0.30 s",
      "    it broke",
      "    badly",
      "    │ one",
      "    │ two",
      "    mend it",
      "    run it alone: npx pipeline run train@eta=0.1",
      "✗ train                   1 ran, 1 failed  0.30 s",
      "– not run: plot",
      "1 failed · 1 not run · 1 ran · 2.00 s",
    ]);
  });

  it("names what hangs on a failure in one line, however much it is, and breaks long messages between words", () => {
    const { terminal, reporter, wait } = rig(60, 24);
    const names = Array.from({ length: 400 }, (_, i) => `stage-${i}`);
    reporter.emit(plan(Object.fromEntries(names.map((name) => [name, 1]))));
    reporter.emit(started("stage-0"));
    wait(100);
    const message = `${"some words that go on ".repeat(5)}end`;
    const failure = { reason: "stage-failed", message, remedy: undefined, output: [] };
    reporter.emit({ type: "failed", instance: "stage-0" as InstanceName, failure, seconds: 1 });
    for (const name of names.slice(1))
      reporter.emit({ type: "skipped", instance: name as InstanceName, because: "stage-0" as InstanceName });
    reporter.emit(summary({ failed: 1, skipped: 399 }));
    const shown = terminal.rows();
    expect(shown.at(-2)).toMatch(/^– not run: stage-1, stage-2, (stage-\d, )*stage-\d and 39\d more$/);
    expect(shown).toHaveLength(1 + 1 + 3 + 1 + 2);
    for (const row of shown) expect(row.length).toBeLessThan(60);
    expect(
      shown
        .slice(2, 5)
        .map((row) => row.trim())
        .join(" "),
    ).toBe(message);
  });

  it("shows a batch as one process: how many are done, parts included, and when the rest is", () => {
    const { terminal, reporter, wait } = rig(80, 24);
    reporter.emit(plan({ train: 16, other: 1 }));
    const members = Array.from({ length: 16 }, (_, i) => `train@eta=${i}`);
    const batch = { first: members[0] as InstanceName, size: 16 };
    for (const member of members) reporter.emit({ ...started(member), batch } as Event);
    reporter.emit(started("other"));
    wait(1000);
    expect(terminal.rows().filter((row) => /train|other/.test(row))).toHaveLength(2);
    for (const member of members) reporter.emit(progress(member, 0, 50));
    wait(1000);
    for (const member of members) reporter.emit(progress(member, 10, 50));
    for (const member of members.slice(0, 4)) reporter.emit(ran(member));
    wait(100);
    // Four are done, and a fifth of each of the others: 6.4 of 16, in one second.
    expect(terminal.rows()[1]).toMatch(/^. train ×16 {2}━+╸?─+ {2}6\.4\/16 done {2}2 s left$/);
    expect(terminal.rows().at(-1)).toMatch(/4\/17 · 4 ran · 13 running · 2 s$/);
    for (const member of members.slice(4)) reporter.emit(ran(member));
    wait(100);
    expect(terminal.rows().some((row) => row.includes("×16"))).toBe(false);
    // A second batch of the stage is another process.
    expect(terminal.rows()).toContain("✓ train                   16 ran  2.10 s");
  });

  it("counts down what is left of the run, and gives up lesser things for it where there is no room", () => {
    for (const [columns, shown] of [
      [120, /─ {2}4\/17 · 1 failed · 1 ran · 1 restored · 1 fresh · 1 running · 2 s · about 1 min 38 s left$/],
      [
        80,
        /^━+─* {2}4\/17 · 1 failed · 1 ran · 1 running · 2 s · about 1 min 38 s left$|^4\/17 · 1 failed · .*about 1 min 38 s left$/,
      ],
      [40, /^4\/17 · .*about 1 min 38 s left$/],
    ] as const) {
      const { terminal, reporter, wait } = rig(columns, 24);
      reporter.emit(plan({ a: 17 }));
      reporter.emit({ type: "estimate", seconds: 100, unknown: 0 });
      for (const n of [1, 2, 3]) reporter.emit(started(`a@n=${n}`));
      const failure = { reason: "stage-failed", message: "no", remedy: undefined, output: [] };
      reporter.emit({ type: "failed", instance: "a@n=2" as InstanceName, failure, seconds: 1 });
      reporter.emit({ type: "restored", instance: "a@n=4" as InstanceName, key, seconds: 1 });
      reporter.emit({ type: "fresh", instance: "a@n=5" as InstanceName, key });
      reporter.emit(ran("a@n=1"));
      wait(2000);
      expect(terminal.rows().at(-1)).toMatch(shown);
      expect([...terminal.rows().at(-1)!].length).toBeLessThan(columns);
      // Some of what is left was never timed: it is a lower bound.
      reporter.emit({ type: "estimate", seconds: 10, unknown: 3 });
      wait(1000);
      expect(terminal.rows().at(-1)).toMatch(/over 9 s left$/);
      // The time is up, and nobody knows how much longer it takes.
      wait(9000);
      expect(terminal.rows().at(-1)).not.toContain("left");
      reporter.close();
    }
  });

  it("leaves the terminal as it was when the process ends in between", () => {
    const { terminal, reporter, wait } = rig(80, 24);
    reporter.emit(plan({ a: 1 }));
    reporter.emit(started("a"));
    wait(300);
    reporter.close();
    reporter.close();
    expect(terminal.cursorHidden).toBe(false);
    expect(terminal.rows()).toEqual(["quick · 1 instance · onnx:cpu"]);
  });

  it("draws no more than ten frames a second, however many events come", () => {
    const { terminal, reporter, wait } = rig(80, 24);
    reporter.emit(plan({ a: 1 }));
    reporter.emit(started("a"));
    const before = terminal.frames;
    for (let i = 0; i < 1000; i++) reporter.emit(progress("a", i, 1000));
    wait(1000);
    expect(terminal.frames - before).toBe(10);
  });

  it("shows each finished stage once, never wraps, and fits its window, whatever happens", () => {
    const size = fc.record({ columns: fc.constantFrom(60, 80, 160), rows: fc.constantFrom(10, 24, 50) });
    const stages = fc.array(
      fc.record({ instances: fc.integer({ min: 1, max: 30 }), speed: fc.integer({ min: 1, max: 9 }) }),
      {
        minLength: 1,
        maxLength: 40,
      },
    );
    fc.assert(
      fc.property(size, stages, fc.integer({ min: 1, max: 40 }), ({ columns, rows }, list, jobs) => {
        const { terminal, reporter, wait } = rig(columns, rows);
        const names = list.map((_, i) => `stage-${i}`);
        reporter.emit(plan(Object.fromEntries(list.map(({ instances }, i) => [names[i]!, instances]))));
        const waiting = list.flatMap(({ instances, speed }, i) =>
          Array.from({ length: instances }, (_, k) => ({
            name: `${names[i]}@learning-rate=${k / 7},seed=0`,
            speed,
            done: 0,
          })),
        );
        const total = waiting.length;
        let open: typeof waiting = [];
        while (waiting.length > 0 || open.length > 0) {
          while (open.length < jobs && waiting.length > 0) {
            const next = waiting.shift()!;
            open.push(next);
            reporter.emit(started(next.name));
          }
          for (const one of open) {
            one.done += one.speed * 10;
            reporter.emit(progress(one.name, Math.min(one.done, 100), 100));
          }
          wait(100);
          const frame = terminal.rows().slice(-rows);
          for (const row of frame) expect([...row].length).toBeLessThan(columns);
          for (const one of open.filter(({ done }) => done >= 100)) reporter.emit(ran(one.name));
          open = open.filter(({ done }) => done < 100);
        }
        reporter.emit(summary({ ran: total }));
        reporter.close();
        const shown = terminal.rows();
        // The first line, one for each stage in the order in which they ended, and the last.
        expect(shown).toHaveLength(names.length + 2);
        expect(
          shown
            .slice(1, -1)
            .map((row) => row.split(/\s+/)[1]!.replace(/@.*/, ""))
            .sort(),
        ).toEqual([...names].sort());
      }),
      { numRuns: 60, seed: 8 },
    );
  });
});
