import { describe, expect, it } from "vitest";
import type { Event } from "../../src/engine/plan/event.ts";
import type { InstanceName, Key } from "../../src/engine/plan/plan.ts";
import { formatDiagnostics } from "../../src/reporters/diagnostics.ts";
import { reasonLine } from "../../src/reporters/lines.ts";
import { shortNames } from "../../src/reporters/names.ts";
import { createPalette } from "../../src/reporters/palette.ts";
import { createPlainReporter } from "../../src/reporters/plain.ts";
import { createRateMeter, progressText } from "../../src/reporters/rate.ts";
import {
  clip,
  clipMiddle,
  formatBytes,
  formatSeconds,
  formatWholeSeconds,
  shellQuote,
} from "../../src/reporters/text.ts";

const plain = createPalette(false);
const names = (...all: string[]): InstanceName[] => all as InstanceName[];

describe("text", () => {
  it.each([
    [0, "0.00 s"],
    [9.99, "9.99 s"],
    [9.996, "10.0 s"],
    [59.94, "59.9 s"],
    [59.96, "1 min 00 s"],
    [245, "4 min 05 s"],
    [3599.6, "1 h 00 min"],
    [7620, "2 h 07 min"],
  ])("%d seconds are %s", (seconds, text) => {
    expect(formatSeconds(seconds)).toBe(text);
  });

  it("rounds guesses to whole seconds", () => {
    expect([0.2, 59.4, 59.6].map(formatWholeSeconds)).toEqual(["0 s", "59 s", "1 min 00 s"]);
  });

  it.each([
    [0, "0 B"],
    [999, "999 B"],
    [1000, "1.0 kB"],
    [999_940, "1.0 MB"],
    [123_456_789, "123 MB"],
    [5e12, "5.0 TB"],
  ])("%d bytes are %s", (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });

  it("cuts at the end and in the middle, never wider than asked", () => {
    expect(clip("abcdef", 6)).toBe("abcdef");
    expect(clip("abcdef", 4)).toBe("abc…");
    expect(clipMiddle("abcdefghij", 7)).toBe("abc…hij");
    for (let width = 0; width < 12; width++) {
      expect([...clip("abcdefghij", width)].length).toBeLessThanOrEqual(width);
      expect([...clipMiddle("abcdefghij", width)].length).toBeLessThanOrEqual(width);
    }
  });

  it("quotes for the shell only what needs it", () => {
    expect(["train@eta=0.1,seed=2", "a b", "it's", ""].map(shellQuote)).toEqual([
      "train@eta=0.1,seed=2",
      "'a b'",
      "'it'\\''s'",
      "''",
    ]);
  });
});

describe("names of instances", () => {
  it("keep what tells them apart when there is little room", () => {
    const all = names("train@eta=0.01,seed=1,mode=full", "train@eta=0.02,seed=1,mode=full", "plot");
    expect(shortNames(all, 40)).toEqual(all);
    expect(shortNames(all, 15)).toEqual(["train@eta=0.01", "train@eta=0.02", "plot"]);
    expect(shortNames(all, 11)).toEqual(["train@0.01", "train@0.02", "plot"]);
  });
});

describe("rates", () => {
  it("are measured over the last ten seconds, and start again with other work", () => {
    const meter = createRateMeter();
    const at = (seconds: number, done: number, unit = "epochs"): void =>
      meter.update({ done, total: 1000, unit }, seconds * 1000);
    at(0, 0);
    expect(progressText(meter)).toBe("0/1000 epochs");
    for (let second = 1; second <= 20; second++) at(second, second);
    expect(meter.rate()).toBeCloseTo(1, 12);
    // Ten times as fast: after eleven seconds the slow past is forgotten.
    for (let second = 1; second <= 11; second++) at(20 + second, 20 + 10 * second);
    expect(meter.rate()).toBeCloseTo(10, 12);
    expect(progressText(meter)).toBe("130/1000 epochs  10/s  1 min 27 s left");
    at(32, 0, "bytes");
    expect(meter.rate()).toBeUndefined();
  });
});

describe("reasons", () => {
  const digest = (digit: string): string => digit.repeat(64);
  it.each([
    [{ kind: "param", subject: "params.eta", before: "0.01", after: "0.02" }, "params.eta  0.01 → 0.02"],
    [{ kind: "param", subject: "params.eta", before: undefined, after: "1" }, "params.eta  new: 1"],
    [{ kind: "param", subject: "params.eta", before: "1", after: undefined }, "params.eta  gone: 1"],
    [{ kind: "code", subject: "src/lanczos.ts", before: undefined, after: undefined }, "src/lanczos.ts  changed"],
    [{ kind: "never-run", subject: "a", before: undefined, after: undefined }, "never run"],
    [{ kind: "command", subject: "", before: "a", after: "b" }, "command  a → b"],
    [{ kind: "dep", subject: "a.o", before: digest("1"), after: digest("2") }, "a.o  111111111111 → 222222222222"],
    [{ kind: "dep", subject: "a.o", before: digest("1"), after: digest("1") }, "a.o  bytes unchanged"],
  ])("%j", (reason, text) => {
    expect(reasonLine(reason, plain)).toBe(text);
  });
});

describe("the plain view", () => {
  it("writes a line for what ran, failed or was restored, and progress of what takes long", () => {
    let now = 0;
    let written = "";
    const screen = {
      write: (text: string) => (written += text),
      palette: plain,
      rerun: (name: string) => `run ${name}`,
    };
    const { emit } = createPlainReporter(screen, () => now);
    const key = "k" as Key;
    const [a1, a2, b, c] = names("a@k=1", "a@k=2", "b", "c") as [
      InstanceName,
      InstanceName,
      InstanceName,
      InstanceName,
    ];
    const stages = [
      { stage: "a", instances: 2 },
      { stage: "b", instances: 1 },
      { stage: "c", instances: 1 },
    ];
    emit({ type: "plan", profile: "quick", instances: 4, platform: "onnx:cpu", stages });
    emit({ type: "restored", instance: a1, key, seconds: 0.1 });
    emit({ type: "restored", instance: a2, key, seconds: 0.1 });
    emit({ type: "started", instance: b, key, reasons: [] });
    for (const done of [0, 10, 20, 30, 40]) {
      emit({ type: "progress", instance: b, progress: { done, total: 100, unit: "epochs" } });
      now += 10_000;
    }
    emit({ type: "ran", instance: b, key, seconds: 50 });
    const failure = { reason: "undeclared-read", message: "it read x", remedy: "declare x", output: ["last"] };
    emit({ type: "started", instance: c, key, reasons: [] });
    emit({ type: "failed", instance: c, failure, seconds: 1 });
    emit({ type: "summary", ran: 1, restored: 2, fresh: 0, failed: 1, skipped: 0, seconds: 51 } satisfies Event);
    expect(written).toBe(`quick · 4 instances · onnx:cpu
↺ a                       2 restored
… b                       30/100 epochs  1/s  1 min 10 s left
✓ b                       50.0 s
✗ c  undeclared read after 1.00 s
    it read x
    │ last
    declare x
    run it alone: run c
1 failed · 1 ran · 2 restored · 51.0 s
`);
  });
});

describe("the plain reporter's time", () => {
  const key = "k" as Key;
  function rig(): { emit: (event: Event) => void; written(): string; pass(ms: number): void } {
    let now = 0;
    let written = "";
    const write = (text: string): void => {
      written += text;
    };
    const { emit } = createPlainReporter({ write, palette: plain, rerun: (name) => `run ${name}` }, () => now);
    return {
      emit,
      written: () => written,
      pass: (ms) => {
        now += ms;
      },
    };
  }
  const [a, b] = names("s@k=1", "s@k=2") as [InstanceName, InstanceName];
  const stages = [{ stage: "s", instances: 2 }];
  const plan: Event = { type: "plan", profile: "quick", instances: 2, platform: "", stages };

  it("is in the first line where it is known, and again each minute at most", () => {
    const { emit, written, pass } = rig();
    emit(plan);
    expect(written()).toBe("");
    emit({ type: "estimate", seconds: 250, unknown: 0 });
    emit({ type: "started", instance: a, key, reasons: [] });
    expect(written()).toBe("quick · 2 instances · about 4 min 10 s by recorded times\n");
    pass(59_000);
    emit({ type: "estimate", seconds: 190, unknown: 0 });
    pass(1000);
    emit({ type: "ran", instance: a, key, seconds: 60 });
    emit({ type: "estimate", seconds: 100, unknown: 1 });
    expect(written().split("\n").slice(1)).toEqual([
      "✓ s@k=1                   1 min 00 s",
      "… 1/2, about 1 min 40 s left, and 1 never timed",
      "",
    ]);
  });

  it("does not keep the first line back where nothing is known, or nothing is run", () => {
    const unknown = rig();
    unknown.emit(plan);
    unknown.emit({ type: "started", instance: a, key, reasons: [] });
    expect(unknown.written()).toBe("quick · 2 instances\n");
    const fresh = rig();
    fresh.emit(plan);
    for (const instance of [a, b]) fresh.emit({ type: "fresh", instance, key });
    fresh.emit({ type: "summary", ran: 0, restored: 0, fresh: 2, failed: 0, skipped: 0, seconds: 0.1 });
    expect(fresh.written()).toBe("quick · 2 instances\neverything is fresh · 2 instances · 0.10 s\n");
  });

  it("tells a batch's progress once for all of it", () => {
    const { emit, written, pass } = rig();
    emit(plan);
    for (const instance of [a, b]) emit({ type: "started", instance, key, reasons: [], batch: { first: a, size: 2 } });
    for (let second = 0; second <= 30; second += 10) {
      for (const instance of [a, b])
        emit({ type: "progress", instance, progress: { done: second, total: 120, unit: "steps" } });
      pass(10_000);
    }
    // A quarter of one and a sixth of the other; since ten seconds ago, an eightieth a second.
    expect(written()).toBe("quick · 2 instances\n… s ×2                    0.42/2 done  2 min 07 s left\n");
  });
});

describe("diagnostics", () => {
  it("show a long line around the mistake, the squiggle below it", () => {
    const sourceLine = `  a: { params: { ${"x: 1, ".repeat(30)}bad: "\${nope}" } }`;
    const column = sourceLine.indexOf("${nope}") + 1;
    const text = formatDiagnostics(
      [
        {
          severity: "error",
          reason: "unknown-variable",
          message: "there is no `nope`",
          remedy: "remove it",
          position: { file: "pipeline.yaml", line: 3, column },
          length: 7,
          sourceLine,
        },
      ],
      plain,
      60,
    );
    const [, line, squiggle] = text.split("\n") as [string, string, string];
    expect(line.length).toBeLessThanOrEqual(60);
    expect(line.slice(squiggle.indexOf("~"), squiggle.lastIndexOf("~") + 1)).toBe("${nope}");
  });
});
