import { describe, expect, it } from "vitest";
import type { Diagnostic } from "../../../src/engine/config/diagnostic.ts";
import type { LoadOptions } from "../../../src/engine/config/load.ts";
import { diagnosticsOf, expectMistakes, planOf } from "./marked.ts";

/** What a stage sees of `params`, with a profile and settings on top. */
async function paramsOf(yaml: string, options: LoadOptions = {}): Promise<unknown> {
  const plan = await planOf(
    `version: 1\n${yaml}\nstages:\n  a: { run: stages/a.ts, params: { p: "\${params.p}" } }\n`,
    options,
  );
  return (plan.instances[0]!.params as { p: unknown }).p;
}

const settings = async (...set: string[]): Promise<string[]> => {
  const text = `version: 1
params: { p: { n: 1, list: [1], text: a, any: null, grid: { linear: { from: 0, to: 1, count: 3 } } } }
stages: { a: { run: stages/a.ts, params: { p: "\${params.p}" } } }
`;
  return (await diagnosticsOf(text, { set })).map(({ position, sourceLine, length, message, reason }) => {
    expect(position.file).toBe("--set");
    expect(message).not.toBe("");
    return `${reason} "${sourceLine.slice(position.column - 1, position.column - 1 + length)}"`;
  });
};

describe("params", () => {
  it("are left as they were by what is refused, which brings no second complaint", async () => {
    const text = `version: 1
params: { list: [1, 2], name: a }
profiles: { other: { list: ⟦param-kind:3⟧ } }
stages: { a: { run: stages/a.ts, matrix: { x: "\${params.list}" }, outs: { o: "\${params.name}/\${x}" } } }
`;
    await expectMistakes(text, { profile: "other" });
    const told = await diagnosticsOf(text.replace("⟦param-kind:3⟧", "[3]"), { set: ["list=3", "name="] });
    expect(told.map(({ position, reason }) => `${position.file} ${reason}`)).toEqual([
      "--set param-kind",
      "--set param-kind",
    ]);
  });

  const layered = `params: { p: { a: 1, b: { c: [1, 2], d: x } } }
profiles:
  quick: { p: { a: 2 } }
  big: { p: { b: { c: [3] } } }
`;

  it("merge mappings and replace the rest, over defaults, profile and --set", async () => {
    expect(await paramsOf(layered)).toEqual({ a: 2, b: { c: [1, 2], d: "x" } });
    expect(await paramsOf(layered, { profile: "big" })).toEqual({ a: 1, b: { c: [3], d: "x" } });
    const set = ["p.b.c=[4, 5]", "p.b.d=y=z", "params.p.a=1e-3"];
    expect(await paramsOf(layered, { profile: "big", set })).toEqual({ a: 0.001, b: { c: [4, 5], d: "y=z" } });
  });

  it("of a profile that extends another are that one's, with its own over them, however they are declared", async () => {
    const yaml = `params: { p: { a: 1, b: { c: [1, 2], d: x }, e: { linear: { from: 0, to: 1, count: 3 } } } }
profiles:
  huge: { extends: big, p: { b: { d: z } } }
  big: { extends: small, p: { b: { c: [3], d: y }, e: { linear: { count: 2 } } } }
  small: { p: { a: 2, b: { c: [] }, e: { linear: { to: 4 } } } }
  same: { extends: huge }
  plain:
`;
    expect(await paramsOf(yaml, { profile: "big" })).toEqual({ a: 2, b: { c: [3], d: "y" }, e: [0, 4] });
    expect(await paramsOf(yaml, { profile: "huge" })).toEqual({ a: 2, b: { c: [3], d: "z" }, e: [0, 4] });
    expect(await paramsOf(yaml, { profile: "same", set: ["p.a=3"] })).toEqual({
      a: 3,
      b: { c: [3], d: "z" },
      e: [0, 4],
    });
    expect(await paramsOf(yaml, { profile: "plain" })).toEqual(await paramsOf(yaml));
  });

  it("are in no doubt: a profile extends one that there is, and no circle of them; `extends` is no param", async () => {
    const told = await expectMistakes(`version: 1
params: { n: 1, ⟦reserved-param:extends⟧: big }
profiles:
  a: { extends: ⟦unknown-profile:bgi⟧ }
  big: { extends: ⟦wrong-type:[a]⟧, n: 2 }
  c: { extends: ⟦cycle:c⟧ }
  d: { extends: ⟦cycle:e⟧ }
  e: { extends: f, n: ⟦param-kind:x⟧ }
  f: { extends: d }
  behind: { extends: f }
stages:
  s: { run: stages/a.ts, params: { n: "\${params.n}", e: "\${params.extends}" } }
`);
    expect(told.map(({ remedy }) => remedy)).toContain("did you mean `big`?");
    const messages = told.map(({ message }) => message);
    expect(messages).toContain("profile `c` extends itself");
    expect(messages).toContain("profiles extend each other in a circle: d → e → f → d");
  });

  it("tell a part of a list that is wrong where it was set, in the profile that is extended", async () => {
    const text = `params: { p: { linear: { from: 0, to: 1, count: 3 } } }
profiles:
  small: { p: { linear: { count: ⟦invalid-list:0⟧ } } }
  big: { extends: small, p: { linear: { to: 2 } } }
stages: { a: { run: stages/a.ts, params: { p: "\${params.p}" } } }
`;
    await expectMistakes(`version: 1\n${text}`, { profile: "big" });
  });

  it("use the profile that --profile says, else defaultProfile, else quick, else none", async () => {
    const profileOf = async (yaml: string, options: LoadOptions = {}): Promise<string> =>
      (await planOf(`version: 1\n${yaml}\nstages: { a: { run: stages/a.ts } }\n`, options)).profile;
    expect(await profileOf("profiles: { quick: {}, big: {} }")).toBe("quick");
    expect(await profileOf("profiles: { quick: {}, big: {} }\ndefaultProfile: big")).toBe("big");
    expect(await profileOf("profiles: { quick: {}, big: {} }\ndefaultProfile: big", { profile: "quick" })).toBe(
      "quick",
    );
    expect(await profileOf("profiles: { big: {} }")).toBe("default");
  });

  it("expand compact lists, rounded to 12 digits", async () => {
    const list = (yaml: string): Promise<unknown> => paramsOf(`params: { p: ${yaml} }`);
    expect(await list("{ geometric: { from: 0.01, ratio: 1.1, count: 4 } }")).toEqual([0.01, 0.011, 0.0121, 0.01331]);
    expect(await list("{ linear: { from: 0, to: 1, count: 4 } }")).toEqual([0, 0.333333333333, 0.666666666667, 1]);
    expect(await list("{ range: { from: 0, to: 0.3, step: 0.1 } }")).toEqual([0, 0.1, 0.2, 0.3]);
    expect(await list("{ range: { from: 0, to: 200, step: 150 } }")).toEqual([0, 150]);
    expect(await list("{ range: { from: 2, to: 0, step: -1 } }")).toEqual([2, 1, 0]);
    expect(await list("{ range: { from: 1, to: 3 } }")).toEqual([1, 2, 3]);
  });

  it("overlay one field of a compact list, or put another list in its place", async () => {
    const yaml = `params: { p: { linear: { from: 0, to: 1, count: 3 } } }
profiles: { short: { p: { linear: { count: 2 } } }, other: { p: { range: { from: 7, to: 8 } } }, plain: { p: [5] } }
`;
    expect(await paramsOf(yaml, { profile: "short" })).toEqual([0, 1]);
    expect(await paramsOf(yaml, { profile: "other" })).toEqual([7, 8]);
    expect(await paramsOf(yaml, { profile: "plain" })).toEqual([5]);
    expect(await paramsOf(yaml, { set: ["p.linear.count=2"] })).toEqual([0, 1]);
  });

  it("tell compact lists that make no sense", async () => {
    await expectMistakes(`version: 1
params:
  a: { geometric: { from: 1, ratio: ⟦invalid-list:-1⟧, count: 3 } }
  b: { ⟦invalid-list:linear⟧: { from: 1, to: 2 } }
  c: { linear: { from: 1, to: 2, count: ⟦invalid-list:0⟧ } }
  d: { range: { from: 1, to: 5, step: ⟦invalid-list:-1⟧ } }
  e: { range: { from: 1, to: 5, stop: ⟦invalid-list:9⟧ } }
  f: { linear: { from: ⟦invalid-list:x⟧, to: 2, count: 1 } }
stages:
  s: { run: stages/a.ts, params: { all: ["\${params.a}"] } }
`);
  });

  it("tell numbers that JSON cannot hold", async () => {
    await expectMistakes(`version: 1
params: { a: ⟦not-json:.inf⟧, list: [1, ⟦not-json:.nan⟧] }
stages:
  s: { run: stages/a.ts, params: { all: ["\${params.a}", "\${params.list}", ⟦not-json:-.inf⟧] } }
`);
  });

  it("tell what a profile sets that has no default, or one of another kind, in every profile", async () => {
    const told = await expectMistakes(`version: 1
params: { mlp: { etas: [1], epochs: 3 } }
defaultProfile: ⟦unknown-profile:quik⟧
profiles:
  quick: { mlp: { ⟦unknown-param:epoch⟧: 5 } }
  big: { mlp: { etas: ⟦param-kind:3⟧, epochs: ⟦param-kind:[1]⟧ } }
stages:
  a: { run: stages/a.ts, params: { m: "\${params.mlp}" } }
`);
    expect(told.map(({ remedy }) => remedy)).toEqual([
      "did you mean `quick`?",
      "did you mean `epochs`?; new ones go under `params:`",
      "give a list",
      "give a number",
    ]);
  });

  it("tell a value that many places read once: at the --set that brings it, else at the first of them", async () => {
    const text = (own: number): string => `version: 1
params: { etas: [0.1, 0.2], eta: ${own}, n: 1 }
stages:
  train: { run: stages/a.ts, matrix: { eta: "\${params.etas}" }, outs: { a: "a/\${eta}", b: "b/\${eta}" } }
  x: { run: stages/a.ts, deps: { d: "train.a@eta=\${params.eta}" }, work: "1 / \${params.n}" }
  y: { run: stages/a.ts, deps: { d: "train.a@eta=\${params.eta}", e: "train.b@eta=\${params.eta}" }, work: "2 * \${params.n}" }
  z: { run: stages/a.ts, deps: { d: train.a@eta=0.2 } }
`;
    const told = (diagnostics: readonly Diagnostic[]): string[] =>
      diagnostics.map(
        ({ position, sourceLine, length, message }) =>
          `${position.file}:${position.line} ${sourceLine.slice(position.column - 1, position.column - 1 + length)}: ${message}`,
      );
    const set = ["n=2", "eta=0.3", "n=-1"];
    expect(told(await diagnosticsOf(text(0.1), { set }))).toEqual([
      "--set:1 -1: the work comes to -1 (pipeline.yaml:5:75), and the like at another place (line 6)",
      "--set:1 0.3: `train` has no instance with eta=0.3 (pipeline.yaml:5:37), and the like at 2 other places (line 6)",
    ]);
    // A list that lacks what the file's own values ask for is no fault of the file.
    expect(told(await diagnosticsOf(text(0.1), { set: ["etas=[0.2]"] }))).toEqual([
      "--set:1 [0.2]: `train` has no instance with eta=0.1 (pipeline.yaml:5:37), and the like at 2 other places (line 6)",
    ]);
    // What is wrong without the command line is told in the file.
    const [first, ...others] = await diagnosticsOf(text(0.3), { set: ["n=2"] });
    expect(others).toEqual([]);
    expect(first).toMatchObject({
      message: "`train` has no instance with eta=0.3, here and at 2 other places (line 6)",
      position: { file: "pipeline.yaml", line: 5 },
    });
  });

  it("tell what is wrong with the command line, in its own words", async () => {
    expect(await settings("p.n=2", "p.any=[1]", "p.grid=[1, 2]")).toEqual([]);
    expect(await settings("p.n=.inf")).toEqual(['invalid-set ".inf"']);
    expect(await settings("p.m=2")).toEqual(['unknown-param "p.m"']);
    expect(await settings("p.n=[2]")).toEqual(['param-kind "[2]"']);
    expect(await settings("p.n")).toEqual(['invalid-set "p.n"']);
    expect(await settings("p.list=[1, 2")).toEqual(['invalid-set "[1, 2"']);
    expect(await settings("q=1", "p.text=3")).toEqual(['unknown-param "q"', 'param-kind "3"']);
    const [profile] = await diagnosticsOf("version: 1\nprofiles: { quick: {} }\nstages: { a: { cmd: a } }\n", {
      profile: "quik",
    });
    expect(profile).toMatchObject({
      reason: "unknown-profile",
      remedy: "did you mean `quick`?",
      position: { file: "--profile" },
    });
  });
});
