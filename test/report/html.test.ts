import { describe, expect, it } from "vitest";
import { anchor, codeScript, html, jsonScript, raw } from "../../src/report/html.ts";
import { HOSTILE } from "./fixture.ts";

describe("html", () => {
  it("escapes texts in content and attributes, and nothing that is markup already", () => {
    const { markup } = html`<p title="${HOSTILE}">${HOSTILE}${raw("<br>")}${html`<b>${1}</b>`}</p>`;
    expect(markup.match(/<[^>]*>/g)).toEqual([
      expect.stringMatching(/^<p title="[^"<>']*">$/),
      "<br>",
      "<b>",
      "</b>",
      "</p>",
    ]);
    expect(markup).toContain("&#38;amp;");
  });

  it("leaves out what is not there, and puts lists one after the other", () => {
    expect(html`[${false}${null}${undefined}${[1, "<", [html`<i>`]]}]`.markup).toBe("[1&#60;<i>]");
  });

  it("puts JSON into a script element that its text cannot end, and that is read back as it was", () => {
    const value = { text: HOSTILE, list: [1, null] };
    const [, text] = /^<script type="application\/json" id="x">(.*)<\/script>$/.exec(jsonScript("x", value).markup)!;
    expect(text).not.toContain("<");
    expect(JSON.parse(text!)).toEqual(value);
  });

  it("puts code into a script element that its strings cannot end", () => {
    const code = "const a = '</script><!--';";
    const [, text] = /^<script>([\s\S]*)<\/script>$/.exec(codeScript(code).markup)!;
    expect(text).not.toMatch(/<\/script|<!--/);
    expect(new Function(`${text} return a;`)()).toBe("</script><!--");
  });

  it("makes different anchors of different names", () => {
    const names = ["a=1", "a_1", "a-1", "a 1", "a.1", "ä", "a_3d1"];
    expect(new Set(names.map((name) => anchor("x", name))).size).toBe(names.length);
    for (const name of names) expect(anchor("x", name)).toMatch(/^[\w-]+$/);
  });
});
