import { describe, expect, it } from "vitest";
import { loadPlan } from "../../../src/engine/config/load.ts";
import { makeWorkspace } from "../../rig/workspace.ts";
import { diagnosticsOf, expectMistakes } from "./marked.ts";

const remedies = async (marked: string): Promise<string[]> =>
  (await expectMistakes(marked)).map(({ remedy }) => remedy);

describe("mistakes in pipeline.yaml are told where they are", () => {
  it("tells all of them at once, by position", async () => {
    const told = await remedies(`version: 1
params: { etas: [0.1, 0.2] }
stages:
  train:
    run: ⟦missing-module:stages/trian.ts⟧
    matrix: { eta: "⟦unknown-param:\${params.eta}⟧" }
    outs: { run: "run/\${eta}" }
  plot:
    cmd: draw
    deps: { run: ⟦unknown-stage:trian⟧.run, table: train.⟦unknown-out:rum⟧ }
    ⟦unknown-key:platfrom⟧: numeric
`);
    expect(told).toEqual([
      "did you mean `stages/train.ts`?",
      "did you mean `etas`?",
      "did you mean `train`?",
      "did you mean `run`?",
      "did you mean `platform`?",
    ]);
  });

  it("guesses values and words of expressions as well", async () => {
    const told = await remedies(`version: 1
params: { n: 1 }
stages:
  a:
    run: stages/a.ts
    tolerance: { ⟦unknown-key:relativ⟧: 1.0e-3, absolute: ⟦invalid:-1⟧ }
    params: { n: "⟦invalid-expression:\${parms.n}⟧" }
    outs: { x: { path: x, kind: ⟦wrong-value:direcotry⟧ } }
`);
    expect(told[0]).toBe("did you mean `relative`?");
    expect(told[2]).toMatch(/^did you mean `params`\? expressions are /);
    expect(told[3]).toBe("did you mean `directory`?");
  });

  it("has something to say where there is no file, or nothing in it", async () => {
    const [empty] = await diagnosticsOf("");
    expect(empty).toMatchObject({ severity: "error", reason: "wrong-type" });
    const [text] = await diagnosticsOf("hello");
    expect(text!.message).toBe("pipeline.yaml is text, and should be a mapping");
  });

  describe("YAML", () => {
    it("tells a duplicate key and goes on", async () => {
      await expectMistakes(`version: 1
stages:
  a: { run: stages/a.ts, outs: { x: x } }
  ⟦yaml-syntax:a⟧: { run: stages/a.ts, outs: { x: x } }
  b: { cmd: b, deps: { x: ⟦unknown-stage:c⟧.x } }
`);
    });

    it("explains expressions without quotes inside braces, each of them", async () => {
      const told = await remedies(`version: 1
stages:
  a:
    run: stages/a.ts
    matrix: { eta: ⟦yaml-syntax:\${params.etas}⟧ }
    params: { eta: ⟦yaml-syntax:\${eta}⟧, other: "\${eta}", list: [⟦yaml-syntax:\${eta}⟧] }
`);
      expect(told[0]).toBe('write "${params.etas}"');
    });

    it("tells tabs and unknown anchors", async () => {
      expect((await diagnosticsOf("version: 1\nstages:\n\ta: 1\n"))[0]!.remedy).toMatch(/spaces/);
      const [anchor] = await expectMistakes("version: 1\nstages: ⟦yaml-syntax:*a⟧\n");
      expect(anchor!.remedy).toMatch(/define the anchor/);
    });

    it("tells a bracket that is not closed where it is opened, once, and what other slips there are", async () => {
      const told = await expectMistakes(`version: 1
params: ⟦yaml-syntax:{⟧ n: { m: 1 }
stages:
  a: { cmd: a, deps: { x: ⟦yaml-syntax:[⟧b.x, b.y, params: { n: 1 } }
  c:
    deps: ⟦yaml-syntax:{⟧
      x: b.x,
      y: b.y
    outs: { z: z }
⟦yaml-syntax: ⟧  cmd: c
`);
      expect(told.map(({ message }) => message)).toEqual([
        "this { is not closed before line 3",
        "this [ is closed by a }",
        "this { is not closed before line 9",
        "all mapping items must start at the same column",
      ]);
      expect(told.map(({ remedy }) => remedy)).toEqual([
        "close it with }, or indent line 3 deeper if it belongs inside",
        "close it with ]",
        "close it with }, or indent line 9 deeper if it belongs inside",
        "align this line with its siblings",
      ]);
      // What is inside is not indented, and so the bracket that closes it comes too late.
      const [early, ...more] = await expectMistakes("version: 1\nparams: ⟦yaml-syntax:{⟧\nn: 1\n}\nstages: {}\n");
      expect(more).toEqual([]);
      expect(early!.message).toBe("this { is not closed before line 3");
      const [last] = await expectMistakes("version: 1\nstages: ⟦yaml-syntax:[⟧a\n");
      expect(last).toMatchObject({ message: "this [ is not closed", remedy: "close it with ]" });
    });

    it("tells a quote that is not closed where it is opened, and not the brackets that it swallowed", async () => {
      for (const marked of [
        'version: 1\nstages: ⟦yaml-syntax:"⟧a\n',
        "version: 1\nparams: { name: ⟦yaml-syntax:'⟧abc, n: 3 }\nstages: {}\n",
        'version: 1\nparams: { name: ⟦yaml-syntax:"⟧abc, n: 3 }\nstages: { a: { cmd: "a" } }\n',
        'version: 1\n⟦yaml-syntax:"⟧params: { n: 1 }\nstages: {}\n',
      ]) {
        const [told] = await expectMistakes(marked);
        expect(told!.message).toMatch(/^this ["'] is not closed$/);
        expect(told!.remedy).toMatch(/^close it with ["']; inside the text it is written /);
      }
    });

    it("tells what is nested too deeply in words, not in the stack's", async () => {
      const deep = `version: 1\nparams: { a: ${"[".repeat(3000)}${"]".repeat(3000)} }\nstages: {}\n`;
      const [told, ...others] = await diagnosticsOf(deep);
      expect(others).toEqual([]);
      expect(told).toMatchObject({ message: "this is nested too deeply to be read", remedy: "write it flatter" });
    });

    it("tells a bracket that closes nothing, and text after a quote", async () => {
      const told = await expectMistakes(`version: 1
stages:
  a: { cmd: a } ⟦yaml-syntax:}⟧
  b: { cmd: b }
`);
      expect(told[0]).toMatchObject({ message: "this } closes nothing" });
      const [quote] = await expectMistakes("version: 1\nstages:\n  a:\n    cmd: 'echo it'⟦yaml-syntax:s'⟧\n");
      expect(quote!.remedy).toBe("write '' for a quote inside the text");
    });

    it("tells a second document, a tag that it does not know, and how a file is a dep", async () => {
      expect(
        await remedies(`version: 1
params: { n: ⟦yaml-syntax:!!foo⟧ 3 }
stages: { a: { cmd: a, deps: { d: ⟦unknown-stage:data/images⟧.gz } } }
`),
      ).toEqual([
        expect.stringContaining("remove the tag"),
        "a file of the workspace is written { files: data/images.gz }",
      ]);
      const [second] = await expectMistakes("version: 1\nstages: {}\n⟦yaml-syntax:---⟧\nversion: 1\n");
      expect(second!.message).toBe("a second document begins here");
    });

    it("follows anchors and aliases to where the mistake is written", async () => {
      await expectMistakes(`version: 1
stages:
  a: { run: stages/a.ts, params: &p { x: "⟦unknown-variable:\${nope}⟧" } }
  b: { run: stages/a.ts, params: *p }
`);
    });

    it("tells aliases that stand for themselves, or for too much", async () => {
      const [circle] = await expectMistakes(`version: 1
params: &p { n: 3, deeper: [1, ⟦yaml-syntax:*p⟧] }
stages: {}
`);
      expect(circle!.message).toBe("this alias stands for what it is itself a part of");
      // The same twice is no circle.
      await expectMistakes(
        "version: 1\nparams: { ⟦unused-param:a⟧: &a [1], ⟦unused-param:b⟧: *a, ⟦unused-param:c⟧: { d: *a } }\nstages: {}\n",
      );
      const levels = ["b", "c", "d", "e"].map(
        (name, i) => `${name}: &${name} [${Array(9).fill(`*${"abcd"[i]}`).join()}]`,
      );
      const marked = `version: 1\na: &a [${Array(9).fill("x").join()}]\n${levels.join("\n")}\nparams: { z: *e }\n`;
      const [many] = await expectMistakes(marked.replace("[*a", "[⟦yaml-syntax:*⟧a"));
      expect(many!.message).toBe("the aliases (*name) multiply to more than can be read");
    });
  });

  it("reads UTF-8 alone, and says where there is something else", async () => {
    const { root, write } = makeWorkspace({});
    const latin = Buffer.from('version: 1\nstages: { a: { cmd: "echo \xe9" } }\n', "latin1");
    write("pipeline.yaml", latin);
    expect(await loadPlan(root)).toMatchObject({
      diagnostics: [{ message: "pipeline.yaml is not UTF-8", position: { line: 2, column: 27 } }],
    });
    write("pipeline.yaml", Buffer.from("\uFEFFversion: 1\n", "utf16le"));
    expect(await loadPlan(root)).toMatchObject({
      diagnostics: [{ message: "pipeline.yaml is UTF-16", remedy: "save it as UTF-8" }],
    });
  });

  describe("the schema", () => {
    it("names wrong types, missing keys and wrong names", async () => {
      const told = await expectMistakes(`version: ⟦unknown-version:2⟧
stages:
  ⟦invalid-name:1st⟧: { run: stages/a.ts }
  ⟦run-or-cmd:none⟧: { params: {} }
  both: { run: stages/a.ts, ⟦run-or-cmd:cmd⟧: x }
  typed:
    run: stages/a.ts
    matrix: ⟦wrong-type:3⟧
    params: ⟦wrong-type:[1]⟧
    env: [HOME, ⟦wrong-value:1BAD⟧]
    deps: { d: ⟦wrong-type:4⟧, ⟦missing-key:e⟧: {}, f: { files: ⟦empty:[]⟧ } }
    outs: { ⟦missing-key:o⟧: { kind: ⟦wrong-value:folder⟧ } }
`);
      expect(told.map(({ message }) => message)).toContain("stage `none` has neither `run` nor `cmd`");
      expect(told.map(({ message }) => message)).toContain(
        "`stages.typed.matrix` is a number, and should be a mapping",
      );
    });

    it("says one thing of one place", async () => {
      await expectMistakes(`version: 1
stages:
  a:
    run: stages/a.ts
    resources: { cpu: ⟦not-json:.inf⟧, memory: ⟦wrong-type:[1]⟧ }
    retries: { times: 1, on: [⟦wrong-value:0⟧, 75, ⟦wrong-value:999⟧] }
    outs: { o: ⟦empty:""⟧ }
  b: { run: stages/a.ts, matrix: { i: ⟦wrong-type:3⟧ } }
`);
    });

    it("tells where a batch or resources make no sense", async () => {
      await expectMistakes(`version: 1
stages:
  a: { run: stages/a.ts, ⟦no-matrix:batch⟧: true, outs: { o: a } }
  b: { cmd: "echo > \${outs.o}", matrix: { i: [1, 2] }, ⟦batch-of-command:batch⟧: { max: 2 }, outs: { o: "b/\${i}" } }
  c: { run: stages/a.ts, resources: { cpu: ⟦wrong-value:-1⟧, gpu: { amount: ⟦wrong-value:2.5⟧ }, mutex: ⟦empty:[]⟧ }, outs: { o: c } }
`);
    });
  });

  describe("expressions", () => {
    it("tells what is no expression, unknown, or in the wrong place", async () => {
      const told = await expectMistakes(`version: 1
params: { mlp: { etas: [1] } }
stages:
  a:
    run: stages/a.ts
    matrix: { eta: "\${params.mlp.etas}" }
    params:
      sum: "⟦invalid-expression:\${1 + 2}⟧"
      open: "⟦invalid-expression:\${eta⟧"
      list: "etas: ⟦not-text:\${params.mlp.etas}⟧"
      shell: "⟦unknown-variable:\${HOME}⟧"
      twice: "\${eta} ⟦unknown-variable:\${et}⟧ \${eta}"
      dep: "⟦misplaced-expression:\${deps.x}⟧"
      range: "⟦invalid-range:\${range(params.mlp.etas)}⟧"
      kept: "$\${HOME}"
  b:
    cmd: |
      echo "⟦unknown-dep:\${deps.dta}⟧" \${deps.data}
      cp x ⟦unknown-out:\${outs.y}⟧
    deps: { data: { files: data/one.csv } }
    outs: { z: z }
`);
      const byReason = new Map(told.map(({ reason, remedy }) => [reason, remedy]));
      expect(byReason.get("unknown-dep")).toBe("did you mean `data`?");
      expect(told.find(({ message }) => message.includes("`et`"))!.remedy).toMatch(/did you mean `eta`\?/);
      expect(told.find(({ message }) => message.includes("`HOME`"))!.remedy).toMatch(/\$\$\{HOME\} keeps the text/);
    });

    it("knows that a bare name may mean a param", async () => {
      const [told] = await expectMistakes(`version: 1
params: { mlp: { x: 1 } }
stages:
  a: { run: stages/a.ts, params: { x: "\${params.mlp.x}", y: "⟦unknown-variable:\${mlp}⟧" } }
`);
      expect(told!.remedy).toBe("write ${params.mlp}");
    });

    it("tells an expression in params, where nothing is evaluated", async () => {
      await expectMistakes(
        `version: 1
params: { a: 1, b: "⟦misplaced-expression:\${params.a}⟧" }
stages:
  s: { run: stages/a.ts, params: { all: ["\${params.a}", "\${params.b}"] } }
`.replace('"⟦misplaced-expression:${params.a}⟧"', '⟦misplaced-expression:"${params.a}"⟧'),
      );
    });
  });

  it("tells a module that is none, and an executor that is none", async () => {
    await expectMistakes(`version: 1
profiles: { big: { executor: ⟦empty:{}⟧ } }
stages: { a: { run: ⟦not-a-module:data/one.csv⟧, outs: { o: o } } }
`);
  });

  describe("matrices", () => {
    it("tells lists that are none, empty, repeated or unnameable", async () => {
      await expectMistakes(`version: 1
params: { n: 3 }
stages:
  a: { run: stages/a.ts, matrix: { k: ⟦not-a-list:"\${params.n}"⟧ } }
  b: { run: stages/a.ts, matrix: { k: ⟦empty:[]⟧ } }
  c: { run: stages/a.ts, matrix: { k: [1, 2, ⟦repeated:1⟧] } }
  d: { run: stages/a.ts, matrix: { k: [⟦unnameable:a/b⟧] } }
  e: { run: stages/a.ts, matrix: { k: [⟦wrong-type:[1]⟧] } }
  f: { run: stages/a.ts, matrix: { of: ⟦unknown-stage:z⟧ } }
  g: { run: stages/a.ts, matrix: { of: ⟦no-matrix:h⟧ } }
  h: { run: stages/a.ts }
`);
    });

    it("stops an explosion before it happens, and a circle of `of`", async () => {
      const told = await expectMistakes(`version: 1
stages:
  a:
    run: stages/a.ts
    ⟦too-many-instances:matrix⟧: { x: "\${range(200)}", y: "\${range(200)}", z: "\${range(200)}" }
  b: { run: stages/a.ts, matrix: { of: c } }
  c: { run: stages/a.ts, matrix: { of: ⟦cycle:b⟧ } }
`);
      expect(told[0]!.message).toBe("stage `a` would have 200 × 200 × 200 = 8000000 instances");
      expect(told[1]!.message).toMatch(/b → c → b/);
    });

    it("says nothing of what merely builds on a wrong matrix", async () => {
      await expectMistakes(`version: 1
stages:
  a: { run: stages/a.ts, matrix: { k: ⟦empty:[]⟧ }, outs: { x: "x/\${k}" } }
  b: { run: stages/a.ts, matrix: { of: a }, deps: { x: a.x }, outs: { y: "y/\${k}" } }
`);
    });
  });

  describe("deps", () => {
    it("tells what they name that is not there", async () => {
      const told = await expectMistakes(`version: 1
stages:
  train: { run: stages/a.ts, matrix: { eta: [0.1, 0.2] }, outs: { run: "run/\${eta}", log: "log/\${eta}" } }
  a: { cmd: a, deps: { x: ⟦missing-out-name:train⟧ } }
  b: { cmd: b, deps: { x: train.run@⟦unknown-key:etta⟧=0.1 } }
  c: { cmd: c, deps: { x: ⟦no-such-instance:train.run@eta=0.3⟧ } }
  d: { cmd: d, deps: { x: train.run@⟦invalid-dep:eta⟧ } }
  e: { cmd: e, matrix: { eta: [0.1, 0.3, 0.4] }, deps: { x: ⟦no-such-instance:train.run⟧ } }
  f: { cmd: f, deps: { x: { files: ⟦no-such-file:"data/*.txt"⟧ } } }
  g: { cmd: g, deps: { x: { files: [data/one.csv, ⟦escaping-files:../secret⟧] } } }
  h: { cmd: h, deps: { x: { files: ⟦no-such-file:artifacts/log/0.1⟧ } } }
`);
      const remedyOf = (line: number): string => told.find(({ position }) => position.line === line)!.remedy;
      expect(remedyOf(4)).toBe("write train.run or train.log");
      expect(remedyOf(5)).toBe("did you mean `eta`?");
      const [late] = await expectMistakes(`version: 1
stages:
  train: { run: stages/a.ts, matrix: { eta: [0.1, 0.2] }, outs: { run: "run/\${eta}" } }
  a: { cmd: a, deps: { x: ⟦missing-out-name:train@eta=0.1.run⟧ } }
`);
      expect(late!.remedy).toBe("write train.run@eta=0.1");
      expect(remedyOf(6)).toBe("it has eta: 0.1, 0.2");
      expect(told.find(({ position }) => position.line === 8)!.message).toBe(
        "`train` has no instance with eta=0.3, eta=0.4",
      );
      expect(remedyOf(11)).toBe("outs are deps by name: stage.out");
    });

    it("tells cycles with their path, one for each", async () => {
      const told = await expectMistakes(`version: 1
stages:
  a: { cmd: a, deps: { x: ⟦cycle:c.o⟧ }, outs: { o: a } }
  b: { cmd: b, deps: { x: a.o }, outs: { o: b } }
  c: { cmd: c, deps: { x: b.o }, outs: { o: c } }
  d: { cmd: d, deps: { x: c.o, y: ⟦cycle:d.o⟧ }, outs: { o: d } }
`);
      expect(told.map(({ message }) => message)).toEqual([
        "stages need each other in a circle: a → c → b → a",
        "stage `d` needs itself",
      ]);
    });
  });

  describe("outs", () => {
    it("are not written over git, packages, the pipeline itself or what it reads", async () => {
      const told = await expectMistakes(`version: 1
artifacts: .
stages:
  a: { cmd: a, outs: { a: ⟦reserved-out:.git/⟧, b: ⟦reserved-out:.pipeline/cas⟧, c: ⟦reserved-out:./node_modules/x⟧ } }
  b: { cmd: b, outs: { a: ⟦reserved-out:pipeline.yaml⟧, b: ⟦reserved-out:pipeline.lock⟧, c: fine.txt, d: sub/.git } }
  c: { run: stages/a.ts, outs: { a: ⟦out-over-input:stages/⟧ } }
  d: { cmd: d, deps: { d: { files: "data/*.csv" } }, outs: { a: ⟦out-over-input:data/one.csv⟧ } }
  e: { cmd: e, outs: { a: ⟦out-over-input:schemas/table.schema.json⟧, t: { path: t, schema: table } } }
`);
      expect(told.map(({ message }) => message)).toContain(
        "`stages` holds `stages/a.ts`, which is a module or schema of this pipeline",
      );
      for (const folder of [".pipeline", ".git/deep", "node_modules"]) {
        const [only, ...others] = await expectMistakes(
          `version: 1\nartifacts: ⟦reserved-out:${folder}⟧\nstages: { a: { cmd: a, outs: { o: x } } }\n`,
        );
        expect(others).toEqual([]);
        expect(only!.message).toMatch(/is not a place for outs$/);
      }
    });

    it("must be unique, not nested, and inside the artifacts folder", async () => {
      const told = await expectMistakes(`version: 1
stages:
  a: { run: stages/a.ts, matrix: { k: [1, 2], l: [x] }, outs: { x: ⟦overlapping-outs:a.json⟧, y: "y/\${k}" } }
  b: { run: stages/a.ts, outs: { y: ⟦overlapping-outs:./y//1⟧ } }
  c: { run: stages/a.ts, outs: { z: { path: z, kind: directory } } }
  d: { run: stages/a.ts, outs: { z: ⟦nested-outs:z/deep/file⟧ } }
  e: { run: stages/a.ts, outs: { u: ⟦escaping-out:../x⟧, v: ⟦escaping-out:/etc/x⟧, w: ⟦escaping-out:./⟧ } }
  f: { run: stages/a.ts, matrix: { p: [..] }, outs: { u: ⟦escaping-out:"\${p}/x"⟧ } }
  g: { run: stages/a.ts, outs: { u: { path: u, schema: ⟦unknown-schema:tabel⟧ } } }
`);
      expect(told[0]!.remedy).toBe("put ${k} into the path");
      expect(told.at(-1)!.remedy).toBe("did you mean `table`?");
    });
  });

  it("tells unknown platforms and missing modules", async () => {
    await expectMistakes(`version: 1
doctor: ⟦missing-module:stages/doctor.ts⟧
platforms:
  numeric: { run: ⟦missing-module:stages/platfrm.ts⟧ }
stages:
  a: { run: stages/a.ts, platform: ⟦unknown-platform:numerics⟧ }
  b: { run: stages/a.ts, platform: numeric }
  c: { run: ⟦escaping-module:../elsewhere.ts⟧ }
`);
  });

  it("warns of params and platforms that nothing uses, once all else is right", async () => {
    const told = await expectMistakes(`version: 1
params:
  used: { a: 1, ⟦unused-param:b⟧: { c: 2 } }
  ⟦unused-param:unused⟧: { a: 1 }
  datasets: { x: 1, y: 2 }
  list: { geometric: { from: 1, ratio: 2, count: 2 } }
platforms:
  ⟦unused-platform:spare⟧: { run: stages/a.ts }
stages:
  a:
    run: stages/a.ts
    matrix: { n: [x], k: "\${params.list}" }
    params: { a: "\${params.used.a}", d: "\${params.datasets[n]}" }
`);
    expect(told.map(({ severity }) => severity)).toEqual(["warning", "warning", "warning"]);
  });
});
