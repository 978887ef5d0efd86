import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { findCommand, GLOBAL_OPTIONS, parseArguments } from "../../src/commands/arguments.ts";
import { DEVICE_OPTION, PLAN_OPTIONS } from "../../src/commands/command.ts";
import { COMMANDS } from "../../src/commands/table.ts";
import { CACHE_FORMAT } from "../../src/engine/files/store.ts";
import { repository } from "../rig/workspace.ts";

const read = (file: string): string => readFileSync(join(repository, file), "utf8");
const cli = read("docs/cli.md");

/** The text below a heading, up to the next one of its level or above. */
function section(title: string): string {
  const [, text] = new RegExp(`^## ${title}\\n([\\s\\S]*?)(?=^## |$(?![\\s\\S]))`, "m").exec(cli) ?? [];
  if (text === undefined) throw new Error(`docs/cli.md has no section "${title}"`);
  return text;
}

describe("docs/cli.md", () => {
  const shared = Object.keys({ ...GLOBAL_OPTIONS, ...PLAN_OPTIONS, ...DEVICE_OPTION });

  it("lists every command, and no other", () => {
    const titles = [...cli.matchAll(/^## pipeline (\w+)$/gm)].map((match) => match[1]);
    expect(titles).toEqual(Object.keys(COMMANDS));
  });

  it.each(Object.keys(COMMANDS))("tells every option of pipeline %s with its value, and no other", async (name) => {
    const { command } = await COMMANDS[name]!();
    const text = section(`pipeline ${name}`);
    for (const [option, { value, short }] of Object.entries(command.options)) {
      if (shared.includes(option)) continue;
      expect(text).toContain(`\`--${option}${value === undefined ? "" : ` ${value}`}\``);
      if (short !== undefined) expect(text).toContain(`\`-${short}\`, \`--${option}`);
    }
    for (const [, option] of text.matchAll(/`--([a-z-]+)/g)) {
      expect([...Object.keys(command.options), ...Object.keys(COMMANDS)]).toContain(option);
    }
  });

  it("tells the options that all commands share", () => {
    const text = section("Options of every command");
    for (const option of shared) expect(text).toContain(`\`--${option}`);
  });

  it("tells every type of event with its fields", () => {
    // The union is read from the source: types are gone at run time.
    const source = read("src/engine/plan/event.ts");
    const union = source.slice(source.indexOf("export type Event"), source.indexOf("export type Emit"));
    const members = union.split(/\n {2}\| /).slice(1);
    expect(members.length).toBeGreaterThan(10);
    for (const member of members) {
      const type = /type: "([a-z-]+)"/.exec(member)![1]!;
      const row = cli.split("\n").find((line) => line.startsWith(`| \`${type}\` |`));
      expect(row, type).toBeDefined();
      const own = member.replaceAll(/\{ readonly stage: [^}]*\}/g, "");
      for (const [, field] of own.matchAll(/readonly (\w+)\??:/g)) {
        if (field !== "type") expect(row).toContain(`\`${field}\``);
      }
    }
    const summary = /interface Summary \{([\s\S]*?)\n\}/.exec(source)![1]!;
    const row = cli.split("\n").find((line) => line.startsWith("| `summary` |"));
    for (const [, field] of summary.matchAll(/readonly (\w+):/g)) expect(row).toContain(`\`${field}\``);
  });

  it("tells the cache layout's version and every exit code", () => {
    expect(cli).toContain(`layout version ${CACHE_FORMAT} `);
    for (const code of [0, 1, 2, 70, 130]) expect(section("Exit codes")).toMatch(new RegExp(`^\\| ${code} \\|`, "m"));
  });
});

describe("command lines in documents and workflows", () => {
  const files = [
    ...readdirSync(join(repository, "docs")).map((name) => `docs/${name}`),
    ...readdirSync(join(repository, "docs/ci")).map((name) => `docs/ci/${name}`),
    ".github/workflows/ci.yml",
  ].filter((file) => /\.(md|yml)$/.test(file));

  it.each(files)("%s holds only such as the program takes", async (file) => {
    for (const [, line = ""] of read(file).matchAll(/(?:^ *|- |; |run: |`)npx pipeline ([^\n#`>|]*)/gm)) {
      const words = line
        .trim()
        .split(/\s+/)
        .map((word) => word.replaceAll("'", ""))
        .filter((word) => word !== "");
      const { name, rest } = findCommand(words);
      expect(Object.keys(COMMANDS), line).toContain(name);
      const { command } = await COMMANDS[name!]!();
      expect(parseArguments(rest, command), line).not.toHaveProperty("problem");
    }
  });

  it("docs/ci.md names every recipe", () => {
    for (const name of readdirSync(join(repository, "docs/ci"))) expect(read("docs/ci.md")).toContain(`](ci/${name})`);
  });

  it("docs/ci.md shows the workflow's own steps", () => {
    const { jobs } = parse(read(".github/workflows/ci.yml")) as { jobs: { pipeline: { steps: unknown[] } } };
    const shown = parse(/```yaml\n([\s\S]*?)```/.exec(read("docs/ci.md"))![1]!) as unknown[];
    for (const step of shown) expect(jobs.pipeline.steps).toContainEqual(step);
    expect(shown.length).toBe(jobs.pipeline.steps.length - 1); // all but the upload of the figures
  });
});
