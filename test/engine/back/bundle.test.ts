import { symlinkSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openStatIndex } from "../../../src/engine/files/stat-index.ts";
import { openStore } from "../../../src/engine/files/store.ts";
import { type Bundle, bundleModule } from "../../../src/engine/keys/bundle.ts";
import { openCodeReader } from "../../../src/engine/keys/code-digest.ts";
import { findPackageLock, readPackageLock } from "../../../src/engine/keys/package-lock.ts";
import { regionsOf } from "../../../src/engine/keys/source-regions.ts";
import { digestOf } from "../../../src/engine/plan/digest.ts";
import { makeWorkspace, type Workspace } from "../../rig/workspace.ts";

const STAGE = `import { scale } from "../src/scale.ts";
import { helper } from "../src/helper.ts";
export default { async run() { return helper(scale(2)); } };
`;
const SCALE = `export const FACTOR = 3;
export const OTHER = 5;
export function scale(x: number): number { return x * FACTOR; }
export function unused(x: number): number { return x * OTHER; }
`;
const HELPER = "export const helper = (x: number): number => x + 1;\n";

function sources(): Workspace {
  return makeWorkspace({
    "package.json": '{ "type": "module", "sideEffects": false }',
    "stages/a.ts": STAGE,
    "src/scale.ts": SCALE,
    "src/helper.ts": HELPER,
  });
}

async function bundleOf(workspace: Workspace, module = "stages/a.ts"): Promise<Bundle> {
  const file = findPackageLock(workspace.root);
  const lock = file === undefined ? undefined : readPackageLock(file, workspace.root);
  const bundle = await bundleModule(workspace.root, module, lock);
  if ("message" in bundle) throw new Error(bundle.message);
  return bundle;
}

async function digestAfter(workspace: Workspace, edit: () => void): Promise<string> {
  edit();
  return digestOf((await bundleOf(workspace)).text);
}

describe("a stage's bundle", () => {
  it("is the same after edits that do not change what runs", async () => {
    const workspace = sources();
    const before = digestOf((await bundleOf(workspace)).text);
    const same: Record<string, () => void> = {
      "a comment": () => workspace.write("src/scale.ts", `/** A doc comment. */\n${SCALE}// the end\n`),
      "a legal comment": () => workspace.write("src/scale.ts", `/*! @license MIT */\n${SCALE}`),
      formatting: () =>
        workspace.write(
          "src/scale.ts",
          SCALE.replaceAll("; }", ";\n\n\t}").replaceAll("(x: number)", "( x : number, )"),
        ),
      types: () =>
        workspace.write(
          "src/scale.ts",
          `export interface Unrelated { readonly a: string }\n${SCALE.replaceAll(": number", "")}`,
        ),
      "an unused export": () =>
        workspace.write("src/scale.ts", SCALE.replace("OTHER = 5", "OTHER = 6").replace("unused", "renamed")),
      "a new unused export of a name that is used elsewhere": () =>
        workspace.write("src/scale.ts", `${SCALE}export const helper = 7;\n`),
      "another export of the stage itself": () =>
        workspace.write("stages/a.ts", `${STAGE}export const forTests = 1;\n`),
      "an import for an unused export": () =>
        workspace.write(
          "src/scale.ts",
          `import { readFileSync } from "node:fs";\nexport const load = readFileSync;\n${SCALE}`,
        ),
    };
    for (const [what, edit] of Object.entries(same)) expect(await digestAfter(workspace, edit), what).toBe(before);
  });

  it("is another one after edits that do", async () => {
    const workspace = sources();
    const seen = new Set<string>([digestOf((await bundleOf(workspace)).text)]);
    const other = [
      () => workspace.write("src/scale.ts", SCALE.replace("FACTOR = 3", "FACTOR = 4")),
      () => workspace.write("src/scale.ts", SCALE.replace("x * FACTOR", "x + FACTOR")),
      () => workspace.write("src/helper.ts", HELPER.replace("+ 1", "+ 2")),
      () => workspace.write("stages/a.ts", STAGE.replace("scale(2)", "scale(3)")),
    ];
    for (const edit of other) seen.add(await digestAfter(workspace, edit));
    expect(seen.size).toBe(other.length + 1);
  });

  it("names no place on this machine, and is the same in another folder", async () => {
    const [here, there] = [sources(), sources()];
    const { text } = await bundleOf(here);
    expect(text).not.toContain(here.root);
    expect((await bundleOf(there)).text).toBe(text);
  });

  it("keeps names, so that stacks read well", async () => {
    expect((await bundleOf(sources())).text).toMatch(/function scale\(x\)/);
  });

  it("holds dynamic imports of our own files", async () => {
    const workspace = sources();
    workspace.write(
      "stages/a.ts",
      'export default { async run() { return (await import("../src/helper.ts")).helper(1); } };\n',
    );
    const { text, inputs } = await bundleOf(workspace);
    expect(inputs).toContain("src/helper.ts");
    expect(text).not.toContain("../src/helper");
  });

  it("names each source file's part, and a change in one changes that part alone", async () => {
    const workspace = sources();
    const parts = async (): Promise<ReadonlyMap<string, string>> => {
      const { text, map } = await bundleOf(workspace);
      return regionsOf(text, JSON.parse(map));
    };
    const before = await parts();
    workspace.write("src/scale.ts", SCALE.replace("FACTOR = 3", "FACTOR = 4"));
    const after = await parts();
    const changed = [...after.keys()].filter((source) => before.get(source) !== after.get(source));
    expect(changed).toEqual(["../../src/scale.ts"]);
    expect(after.size).toBe(3);
  });

  it("tells where a syntax error and a missing import are", async () => {
    const workspace = sources();
    workspace.write("src/scale.ts", "export const = 3;\n");
    expect(await bundleModule(workspace.root, "stages/a.ts", undefined)).toEqual({
      message: expect.stringMatching(/^src\/scale\.ts:1:14: /),
    });
    workspace.write("src/scale.ts", SCALE);
    workspace.write("stages/a.ts", "export const run = 1;\n");
    expect(await bundleModule(workspace.root, "stages/a.ts", undefined)).toEqual({
      message: "stages/a.ts has no default export",
    });
    workspace.write("stages/a.ts", STAGE);
    workspace.write("src/scale.ts", 'export { x } from "./nowhere.ts";\n');
    expect(await bundleModule(workspace.root, "stages/a.ts", undefined)).toEqual({
      message: expect.stringMatching(/^src\/scale\.ts:1:\d+: Could not resolve "\.\/nowhere\.ts"/),
    });
  });
});

describe("packages", () => {
  const LOCK = JSON.stringify({
    lockfileVersion: 3,
    packages: {
      "": {},
      "node_modules/used": {
        version: "1.0.0",
        dependencies: { deep: "*", shared: "^1" },
        optionalDependencies: { elsewhere: "*" },
      },
      "node_modules/deep": { version: "2.0.0", peerDependencies: { peer: "*" } },
      "node_modules/shared": { version: "3.0.0" },
      "node_modules/used/node_modules/shared": { version: "1.5.0" },
      "node_modules/peer": { version: "4.0.0", dependencies: { used: "*" } },
      "node_modules/@scope/named": { version: "5.0.0" },
      "node_modules/pure": { version: "6.0.0" },
      "node_modules/local": { link: true, resolved: "packages/local" },
      "packages/local": { version: "0.0.0" },
    },
  });

  function installed(stage: string): Workspace {
    const workspace = sources();
    workspace.write("package-lock.json", LOCK);
    for (const name of ["used", "deep", "shared", "@scope/named"]) {
      workspace.write(
        `node_modules/${name}/package.json`,
        JSON.stringify({ name, version: JSON.parse(LOCK).packages[`node_modules/${name}`].version }),
      );
    }
    workspace.write("node_modules/pure/package.json", '{ "name": "pure", "version": "6.0.0", "sideEffects": false }');
    workspace.write("stages/a.ts", stage);
    return workspace;
  }

  const packagesOf = async (workspace: Workspace): Promise<unknown> => {
    const store = openStore(workspace.root);
    const code = await openCodeReader(store, openStatIndex(store)).read("stages/a.ts");
    return "packages" in code ? code.packages : code.reason;
  };

  it("stay outside and count with all that they depend on, at the versions that each would load", async () => {
    const workspace = installed(
      'import used from "used/sub/file.js";\nimport named from "@scope/named";\nexport default { used, named };\n',
    );
    const { text, packages } = await bundleOf(workspace);
    expect(text).toContain('"used/sub/file.js"');
    expect(packages).toEqual(["@scope/named", "used"]);
    expect(await packagesOf(workspace)).toEqual([
      ["@scope/named", "5.0.0"],
      ["deep", "2.0.0"],
      ["peer", "4.0.0"],
      ["used", "1.0.0"],
      ["used/node_modules/shared", "1.5.0"],
    ]);
  });

  it("do not count where only unused code imports them, if they say that they are pure", async () => {
    const stage = (name: string): string =>
      `import x from "${name}";\nexport const unused = () => x;\nexport default { run() {} };\n`;
    expect((await bundleOf(installed(stage("pure")))).packages).toEqual([]);
    expect((await bundleOf(installed(stage("node:fs")))).packages).toEqual([]);
    // Importing it may do something.
    expect((await bundleOf(installed(stage("used")))).packages).toEqual(["used"]);
  });

  it("count when they are looked up by name", async () => {
    const lookups = [
      'import { createRequire } from "node:module";\nconst require = createRequire(import.meta.url);\nexport default require.resolve("@scope/named/font.ttf");\n',
      'import { createRequire } from "node:module";\nexport default { x: createRequire(import.meta.url)("@scope/named") };\n',
      'export default import.meta.resolve("@scope/named");\n',
      'export default { load: () => import("@scope/named") };\n',
    ];
    for (const lookup of lookups)
      expect((await bundleOf(installed(lookup))).packages, lookup).toEqual(["@scope/named"]);
  });

  it("that the lock file does not list are refused", async () => {
    expect(await packagesOf(installed('import x from "stranger";\nexport default x;\n'))).toBe("unlocked-package");
  });

  it("of the same workspace are sources, not packages", async () => {
    const workspace = installed('import { local } from "local";\nexport default { local };\n');
    workspace.write("packages/local/package.json", '{ "name": "local", "version": "0.0.0", "main": "index.js" }');
    workspace.write("packages/local/index.js", "export const local = 42;\n");
    symlinkSync(join(workspace.root, "packages/local"), join(workspace.root, "node_modules/local"));
    const { text, packages, inputs } = await bundleOf(workspace);
    expect(packages).toEqual([]);
    expect(inputs).toContain("packages/local/index.js");
    expect(text).toContain("42");
  });
});
