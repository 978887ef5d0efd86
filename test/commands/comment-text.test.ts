import { describe, expect, it } from "vitest";
import { type CommentData, commentText, MARKER, type RunFacts } from "../../src/commands/comment-text.ts";
import type { InstanceName } from "../../src/engine/plan/plan.ts";
import type { Claim } from "../../src/report/claims.ts";
import type { FigureReview, Picture } from "../../src/report/figure-review.ts";
import type { Review, ReviewResults } from "../../src/report/review.ts";

const HOSTILE = "<!-- --> </details> ``` | @everyone #1\n# [x](https://evil.example)";

const REVISION = { commit: "c".repeat(40), short: "ccccccc", subject: "the base", when: "2026-01-01T00:00:00Z" };
const NOTHING: ReviewResults = {
  claims: [],
  sameClaims: 3,
  figures: [],
  sameFigures: 2,
  tables: [],
  others: 0,
  notMade: [],
  elsewhere: [],
};
const RUN: RunFacts = { totals: "3 ran · 4.0 s", failed: [], warnings: [], figures: [] };

function data(results: Partial<ReviewResults>, more: Partial<CommentData> = {}): CommentData {
  const review: Review = { revision: REVISION, notices: [], results: { ...NOTHING, ...results } };
  return { run: RUN, review, params: [], link: undefined, ...more };
}

function claim(verdict: Claim["verdict"], ours: Claim["ours"], statement = "It rises."): Claim {
  return { id: "a", statement, source: "paper", paper: 1, ours, rule: "ours > 1", verdict };
}

function picture(digest: string): Picture {
  return { path: `artifacts/figures/${digest}.png`, digest, bytes: Buffer.from(digest) };
}

function figure(name: string, more: Partial<FigureReview> = {}): FigureReview {
  const causes = [{ kind: "param", subject: "params.eta", before: "1", after: "2" }];
  return {
    name,
    change: "changed",
    instance: name,
    causes,
    before: picture("b"),
    after: picture("a"),
    look: undefined,
    ...more,
  };
}

const headline = (told: CommentData): string => commentText(told, 65_000).split("\n")[1]!;
const failed = (n: number): RunFacts["failed"] =>
  Array.from({ length: n }, (_, i) => ({
    instance: `train@seed=${i}` as InstanceName,
    seconds: 1,
    failure: {
      reason: "stage-failed",
      message: `${HOSTILE} ${i}`,
      remedy: HOSTILE,
      output: Array(200).fill(HOSTILE.repeat(20)),
    },
  }));

describe("a pull request's comment", () => {
  it("begins with its marker, and a headline of what a reviewer has to know, the worst first", () => {
    expect(commentText(data({}), 65_000).startsWith(`${MARKER}\n### `)).toBe(true);
    expect(headline(data({}))).toBe("### pipeline: no result changed");
    expect(headline(data({ others: 1 }))).toBe("### pipeline: no figure changed");
    const claims = [
      { figure: "fig01", id: "a", before: claim("fail", 1), after: claim("pass", 2) },
      { figure: "fig01", id: "b", before: claim("pass", 2), after: claim("fail", 1) },
      { figure: "fig01", id: "c", before: claim("pass", 2), after: claim("pass", 3) },
      { figure: "fig01", id: "d", before: claim("pass", 2), after: claim("not-testable", null) },
      { figure: "fig01", id: "e", before: claim("pass", 2), after: undefined },
    ];
    const figures = [figure("figures/a"), figure("figures/b", { change: "gone", after: undefined })];
    expect(headline(data({ claims, figures }, { run: { ...RUN, failed: failed(2) } }))).toBe(
      "### pipeline: 2 instances failed · 1 claim no longer holds · 1 claim not testable any more · 1 claim gone · 1 claim now holds · 1 figure changed · 1 figure gone",
    );
    expect(headline(data({}, { run: { ...RUN, totals: undefined } }))).toBe("### pipeline: the run was cut off");
    expect(
      headline({
        run: { ...RUN, figures: [{ path: "a.svg", why: [] }] },
        review: undefined,
        params: [],
        link: undefined,
      }),
    ).toBe("### pipeline: 1 figure changed");
  });

  it("tells claims with their numbers, those that changed their verdict before those that did not", () => {
    const claims = [
      { figure: "fig01", id: "c", before: claim("pass", 2), after: claim("pass", 3) },
      { figure: "fig01", id: "d", before: undefined, after: claim("pass", 3) },
      { figure: "fig01", id: "b", before: claim("pass", 2), after: claim("fail", 1.23456789) },
      { figure: "fig01", id: "e", before: claim("fail", null), after: undefined },
      { figure: "fig01", id: "f", before: claim("pass", 2), after: claim("not-testable", null) },
    ];
    const lines = commentText(data({ claims }), 65_000)
      .split("\n")
      .filter((line) => line.startsWith("| `fig01"));
    expect(lines).toEqual([
      "| `fig01 b`<br>It rises. | holds<br>`2` | **does not hold**<br>`1.2346` | `1` |",
      "| `fig01 f`<br>It rises. | holds<br>`2` | not testable<br>`–` | `1` |",
      "| `fig01 d`<br>It rises. | new | holds<br>`3` | `1` |",
      "| `fig01 e`<br>It rises. | **does not hold**<br>`–` | gone | `1` |",
      "| `fig01 c`<br>It rises. | holds<br>`2` | holds<br>`3` | `1` |",
    ]);
  });

  it("cuts long texts to where they part", () => {
    const start = "S falls for every learning rate that was tried: ".repeat(3);
    const claims = [
      { figure: "fig01", id: "a", before: claim("pass", `${start}2.5 here`), after: claim("pass", `${start}2.6 here`) },
    ];
    const text = commentText(data({ claims }), 65_000);
    expect(text).toContain("holds<br>`…e that was tried: 2.5 here` | holds<br>`…e that was tried: 2.6 here` |");
  });

  it("tells figures with their causes, and their pictures where they can be linked", () => {
    const figures = [
      figure("figures/fig01", { look: { fraction: 0.00001 } }),
      figure("figures/fig02", { look: "same" }),
      figure("figures/fig03", { look: "resized", before: { missing: "in no cache" } }),
      figure("figures/fig04", { change: "not-made", after: undefined }),
    ];
    const link = ({ digest }: { readonly digest: string }): string => `https://example.org/${digest}.png`;
    const text = commentText(data({ figures }, { link }), 65_000);
    const both = "| ![before](<https://example.org/b.png>) | ![now](<https://example.org/a.png>) |";
    const head = "| before | now |\n| --- | --- |";
    const why = "<br>`params.eta 1 → 2`";
    expect(text).toContain(`**\`figures/fig01\`** less than 0.01 % of the pixels differ${why}\n\n${head}\n${both}\n`);
    expect(text).toContain(`**\`figures/fig02\`** the picture is the same${why}\n\n**`);
    expect(text).toContain(`**\`figures/fig03\`** of another size${why}\n\n${head}\n| *in no cache* | ![now]`);
    expect(text).toContain(
      `**\`figures/fig04\`** not made in this run\n\n${head}\n| ![before](<https://example.org/b.png>) | *not made in this run* |\n`,
    );
    expect(commentText(data({ figures }), 65_000)).not.toContain("![");
  });

  it("tells numbers of tables by what changed the most, params, and results that are listed apart", () => {
    const leaves = [0, 1, 2].map((i) => ({ path: `$.rows[${i}].loss`, before: 1, after: 1 + i / 10 }));
    const tables = [
      { path: "artifacts/a.json", change: "changed" as const, leaves },
      { path: "artifacts/b.json", change: "unreadable" as const, leaves: [] },
    ];
    const text = commentText(
      data(
        { tables, others: 2, notMade: ["artifacts/c.txt"], elsewhere: ["artifacts/d.json"] },
        { params: [{ path: "params.eta", before: 1, after: 2 }] },
      ),
      65_000,
    );
    expect(text).toContain("| `artifacts/a.json` | `$.rows[2].loss` and 2 more like it | `1` | `1.2` | +20 % |\n");
    expect(text).toContain("| `artifacts/b.json` | different, and one of the two is in no cache |");
    expect(text).toContain("| `params.eta` | `1` | `2` | +100 % |");
    expect(text).toContain("2 other outs changed.");
    expect(text).toContain("<summary>1 result not made in this run</summary>\n\n`artifacts/c.txt`\n");
    expect(text).toContain("another machine</summary>\n\n`artifacts/d.json`\n");
  });

  it("takes nothing of the branch for markup: the only HTML is its own", () => {
    const claims = [
      { figure: HOSTILE, id: HOSTILE, before: claim("pass", HOSTILE, HOSTILE), after: claim("fail", HOSTILE, HOSTILE) },
    ];
    const causes = [{ kind: "code", subject: HOSTILE, before: undefined, after: undefined }];
    const told = data(
      {
        claims,
        figures: [figure(HOSTILE, { causes })],
        tables: [{ path: HOSTILE, change: "changed", leaves: [{ path: HOSTILE, before: HOSTILE, after: 1 }] }],
        notMade: [HOSTILE],
      },
      {
        run: { ...RUN, failed: failed(1), warnings: [HOSTILE] },
        params: [{ path: HOSTILE, before: 1, after: HOSTILE }],
      },
    );
    const text = commentText(told, 65_000);
    // Without what stands in code, where nothing is markup, and without escapes.
    const rest = text
      .replaceAll(/^(`{3,}).*\n[\s\S]*?\n\1$/gm, "")
      .replaceAll(/\\[!-/:-@[-`{-~]|(`+)(?!`)[\s\S]*?(?<!`)\1(?!`)/g, "");
    const tags = [...rest.matchAll(/<[^>]*>/g)].map(([tag]) => tag);
    expect(new Set(tags)).toEqual(new Set([MARKER, "<details>", "</details>", "<summary>", "</summary>", "<br>"]));
    expect(rest).not.toMatch(/[@#]\w|:\/\/|\]\(/);
  });

  it("fits the limit, whatever there is to tell, and says how much is left out", () => {
    const claims = Array.from({ length: 300 }, (_, i) => ({
      figure: "fig01",
      id: `c${i}`,
      before: claim("pass", i),
      after: claim("fail", i, HOSTILE.repeat(9)),
    }));
    const figures = Array.from({ length: 400 }, (_, i) => figure(`figures/${"long-name-".repeat(12)}${i}`));
    const link = ({ digest }: { readonly digest: string }): string =>
      `https://example.org/${"x".repeat(200)}/${digest}`;
    const notMade = Array.from({ length: 500 }, (_, i) => `artifacts/${i}`);
    const told = data(
      { claims, figures, notMade },
      { link, run: { ...RUN, failed: failed(300), warnings: Array(100).fill(HOSTILE) } },
    );
    for (const limit of [2000, 5000, 20_000, 65_000, 1_000_000]) {
      const text = commentText(told, limit);
      expect(text.length).toBeLessThanOrEqual(limit);
      expect(text.startsWith(MARKER)).toBe(true);
      expect(text.split("\n")[1]).toContain("300 instances failed · 300 claims no longer hold · 400 figures changed");
    }
    const text = commentText(told, 65_000);
    expect(text.length).toBeGreaterThan(10_000);
    const shown = text.match(/!\[now]/g)?.length ?? 0;
    expect(text).toContain(`${400 - shown} figures more changed`);
    expect(text).toMatch(/\| … and \d+ more \|/);
  });
});
