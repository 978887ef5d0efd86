import { describe, expect, it } from "vitest";
import { code, codeBlock, prose, table } from "../../src/reporters/markdown.ts";

describe("texts of others in Markdown", () => {
  it("as code: more ticks than the text has, one line, nothing that is not seen", () => {
    expect(code("a")).toBe("`a`");
    expect(code("a`b")).toBe("`` a`b ``");
    expect(code("``")).toBe("``` `` ```");
    expect(code("a\n\tb  c")).toBe("`a b c`");
    expect(code("\u001b[31mred\u001b[0m\u0007")).toBe("`red`");
    // A name that reads backwards, or that holds what nobody sees.
    expect(code("a\u202egpj.\u2066b\u200b")).toBe("`agpj.b`");
    expect(code("x".repeat(500), 10)).toBe(`\`${"x".repeat(9)}…\``);
    expect(code(" \n")).toBe("");
    expect(table(["a"], [[code("x\\|y")]])[2]).toBe("| `x\\\u2060\\|y` |");
  });

  it("as prose: no markup, mention, reference or link", () => {
    expect(prose("<b> *x* _y_ `z` [a](b) ![c](d) ~e~ \\f")).toBe(
      "\\<b\\> \\*x\\* \\_y\\_ \\`z\\` \\[a\\]\\(b\\) \\!\\[c\\]\\(d\\) \\~\u2060e\\~ \\\\f",
    );
    for (const text of [
      "@everyone",
      "#12",
      "!3",
      "&4",
      "%5",
      "$6",
      "https://a.b",
      "www.a.b",
      "_www.a.b",
      "lab/paper#7",
    ]) {
      const joined = prose(text).replaceAll("\\", "");
      expect(joined).toContain("\u2060");
      expect(joined.replaceAll("\u2060", "")).toBe(text);
    }
    // A joiner of the text's own is none of ours.
    expect(prose("@\u2060a").match(/\u2060/g)).toHaveLength(1);
    expect(prose("2/η ≈ 0.3, R² = 0.9")).toBe("2/η ≈ 0.3, R² = 0.9");
  });

  it("as a block: a fence longer than any in it", () => {
    expect(codeBlock(["a", "````", "<b>@c  "])).toBe("`````text\na\n````\n<b>@c\n`````");
    expect(codeBlock(["\u001b[1mbold\u001b[0m\ttab\r"])).toBe("```text\nbold    tab\n```");
    expect(codeBlock(["x".repeat(300)], 5)).toBe("```text\nxxxx…\n```");
  });

  it("in tables, whose bars are escaped and whose rows are counted beyond the most", () => {
    expect(
      table(
        ["a", "b"],
        [
          [code("x|y"), prose("u|v")],
          ["2", ""],
          ["3", ""],
        ],
        1,
      ),
    ).toEqual(["| a | b |", "| --- | --- |", "| `x\\|y` | u\\|v |", "| … and 2 more |  |"]);
  });
});
