import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "esbuild";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ciTool } from "../rig/ci-tools.ts";
import { repository } from "../rig/workspace.ts";

/** What GitHub's own parser of workflows exports, as far as it is used here. */
interface Parser {
  readonly NoOperationTraceWriter: new () => unknown;
  parseWorkflow(
    file: { readonly name: string; readonly content: string },
    trace: unknown,
  ): {
    readonly value: unknown;
    readonly context: { readonly errors: { getErrors(): readonly { readonly message: string }[] } };
  };
}

const entry = ciTool("@actions/workflow-parser", "0.3.61", "dist/index.js");
const folder = mkdtempSync(join(tmpdir(), "pipeline-workflows-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe.skipIf(entry === undefined)("GitHub's parser takes", () => {
  let parser: Parser;
  beforeAll(async () => {
    // It imports JSON as only newer Nodes allow: bundled, it runs on all.
    const outfile = join(folder, "parser.mjs");
    const banner = { js: 'import { createRequire as of } from "node:module"; const require = of(import.meta.url);' };
    await build({
      entryPoints: [entry!],
      outfile,
      bundle: true,
      format: "esm",
      platform: "node",
      banner,
      logLevel: "error",
    });
    parser = (await import(pathToFileURL(outfile).href)) as Parser;
  });
  const errorsOf = (name: string, content: string): string[] => {
    const { context } = parser.parseWorkflow({ name, content }, new parser.NoOperationTraceWriter());
    return context.errors.getErrors().map(({ message }) => message);
  };
  const files = ["docs/ci", ".github/workflows"].flatMap((place) =>
    readdirSync(join(repository, place))
      .filter((name) => place !== "docs/ci" || name.startsWith("github-"))
      .map((name) => `${place}/${name}`),
  );

  it.each(files)("%s", (file) => {
    expect(errorsOf(file, readFileSync(join(repository, file), "utf8"))).toEqual([]);
  });

  it("no workflow that is wrong", () => {
    const text = readFileSync(join(repository, "docs/ci/github-comment.yml"), "utf8");
    expect(errorsOf("a.yml", text.replace("runs-on:", "runs:"))).not.toEqual([]);
    expect(errorsOf("a.yml", text.replace("github.token", "tokens()"))).not.toEqual([]);
  });
});
