import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import * as colors from "../../src/figures/colors.ts";
import { THEME } from "../../src/figures/theme.ts";
import { repository } from "../rig/workspace.ts";

const HEX = /#[0-9a-fA-F]{6}\b|#[0-9a-fA-F]{3}\b/g;

const textsIn = (folder: string, ending: string): ReadonlyMap<string, string> =>
  new Map(
    readdirSync(join(repository, folder))
      .filter((file) => file.endsWith(ending))
      .map((file) => [`${folder}/${file}`, readFileSync(join(repository, folder, file), "utf8")]),
  );

const specs = textsIn("stages/figures", ".vl.json");
const modules = new Map([
  ...textsIn("src/figures", ".ts"),
  ...textsIn("stages/figures", ".ts"),
  ...textsIn("stages", ".ts"),
]);

describe("colours", () => {
  const groups: Readonly<Record<string, Readonly<Record<string, string | readonly string[]>> | readonly string[]>> =
    colors;
  const known = new Map<string, string>();
  for (const [group, of] of Object.entries(groups))
    for (const [name, value] of Object.entries<string | readonly string[]>(of as Readonly<Record<string, string>>))
      for (const hex of [value].flat()) known.set(hex, `${group}.${name}`);

  it("of the specs are those of colors.ts", () => {
    const others = [...specs].flatMap(([file, text]) =>
      (text.match(HEX) ?? []).filter((hex) => !known.has(hex)).map((hex) => `${file}: ${hex}`),
    );
    expect(others).toEqual([]);
  });

  it("are written out nowhere else", () => {
    const literal = [...modules].filter(
      ([file, text]) => file !== "src/figures/colors.ts" && (text.match(HEX) ?? []).length > 0,
    );
    expect(literal.map(([file]) => file)).toEqual([]);
  });

  it("are all used", () => {
    const drawn = [...specs.values(), JSON.stringify(THEME)].join("\n");
    const code = [...modules.values()].join("\n");
    const unused = [...known].filter(([hex, name]) => !drawn.includes(hex) && !code.includes(name));
    expect(unused.map(([, name]) => name)).toEqual([]);
  });
});

function* drawnTexts(node: unknown, key = ""): Generator<string> {
  if (typeof node === "string") {
    if (/^(title|text|subtitle)$/.test(key)) yield node;
  } else if (Array.isArray(node)) for (const item of node) yield* drawnTexts(item, key);
  else if (typeof node === "object" && node !== null)
    for (const [name, value] of Object.entries(node)) if (name !== "usermeta") yield* drawnTexts(value, name);
}

const drawnLike = (pattern: RegExp): string[] =>
  [...specs].flatMap(([file, text]) =>
    [...drawnTexts(JSON.parse(text))].filter((drawn) => pattern.test(drawn)).map((drawn) => `${file}: ${drawn}`),
  );

/** Of two plain spaces an SVG shows one. */
it("the letter of a panel stands two unbreakable spaces before its title", () => {
  expect(drawnLike(/^[a-z] *\u00a0? +\S/)).toEqual([]);
  expect(drawnLike(/^[a-z]\u00a0\u00a0\S/).length).toBeGreaterThan(10);
});

/** What is drawn is typeset, and so has ’; prose (captions, claims, these pages) has '. */
describe("apostrophes", () => {
  it("in what specs draw are curved", () => {
    expect(drawnLike(/\p{L}'/u)).toEqual([]);
  });

  it("in claims and captions are straight", () => {
    const prose = [...specs].map(([file, text]): [string, string] => {
      const { description = "", usermeta = {} } = JSON.parse(text) as { description?: string; usermeta?: object };
      return [file, description + JSON.stringify(usermeta)];
    });
    const claims = [...modules].filter(([file]) => file.endsWith("-claims.ts"));
    expect([...prose, ...claims].filter(([, text]) => text.includes("’")).map(([file]) => file)).toEqual([]);
  });
});
