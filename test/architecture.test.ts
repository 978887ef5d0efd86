import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "..");

/** Who may import whom (docs/design.md, "Parts"): a folder's files import from itself and from these, nothing else of ours. */
const ALLOWED: readonly { readonly from: RegExp; readonly to: RegExp }[] = [
  { from: /^src\/stage\.ts$/, to: /^$/ },
  { from: /^src\/formats\//, to: /^src\/formats\// },
  { from: /^src\/programs\//, to: /^src\/programs\// },
  { from: /^src\/runtimes\//, to: /^src\/(programs|runtimes)\// },
  { from: /^src\/numerics\//, to: /^src\/(numerics|programs|runtimes|formats)\// },
  { from: /^src\/data\//, to: /^src\/(data|formats)\// },
  { from: /^src\/figures\//, to: /^src\/(figures|formats)\// },
  { from: /^src\/engine\//, to: /^src\/(engine\/|stage\.ts|formats\/)/ },
  { from: /^src\/reporters\//, to: /^src\/(reporters|engine)\/|^src\/stage\.ts/ },
  { from: /^src\/report\//, to: /^src\/(report|engine|formats)\/|^src\/reporters\/text\.ts|^src\/stage\.ts/ },
  { from: /^src\/(commands\/|cli\.ts)/, to: /^src\/(commands|report|reporters|engine)\/|^src\/stage\.ts/ },
  {
    from: /^stages\//,
    to: /^src\/(numerics|programs|runtimes|formats|data|figures)\/|^src\/stage\.ts$|^stages\/(shared|figures)\//,
  },
];

/** The folders of the engine, in the order in which one reads them: each imports from itself and from those before it. */
const ENGINE = [
  "system",
  "plan",
  "files",
  "keys",
  "cache",
  "actions",
  "slurm",
  "remote",
  "survey",
  "config",
  "run",
] as const;
const ENGINE_FOLDER = /^src\/engine\/(?:(\w+)\/)?[^/]+$/;

/** Packages that load native code or a whole framework: only their owner imports them at run time. */
const OWNED_PACKAGES: readonly { readonly name: RegExp; readonly owner: RegExp }[] = [
  { name: /^(onnxruntime-node|onnxruntime-common|@tensorflow\/)/, owner: /^src\/runtimes\// },
  { name: /^(vega|vega-lite|@resvg\/)/, owner: /^src\/figures\// },
  { name: /^(esbuild|zx|yaml|ajv|fast-glob)/, owner: /^src\/(engine|commands)\// },
];

interface Import {
  readonly specifier: string;
  readonly typeOnly: boolean;
}

describe("the parts of the project", () => {
  const files = sources("src").concat(sources("stages"));
  const imports = new Map(files.map((file) => [file, importsOf(file)] as const));

  it("has sources in every part, so that the rules below rule something", () => {
    for (const rule of ALLOWED) expect(files.some((file) => rule.from.test(file))).toBe(true);
  });

  it.each(files)("%s imports only what its part may know", (file) => {
    const rule = ALLOWED.find((candidate) => candidate.from.test(file));
    expect(rule, `no rule covers ${file}: add its part to ALLOWED`).toBeDefined();
    for (const { specifier, typeOnly } of imports.get(file) ?? []) {
      if (specifier.startsWith(".")) {
        const target = targetOf(file, specifier);
        expect(rule!.to.test(target), `${file} imports ${target}`).toBe(true);
      } else if (!typeOnly) {
        const owned = OWNED_PACKAGES.find((entry) => entry.name.test(specifier));
        expect(owned === undefined || owned.owner.test(file), `${file} imports ${specifier}`).toBe(true);
      }
    }
  });

  it("reads the engine from the ground up", () => {
    const floorOf = (file: string): number => {
      const folder = ENGINE_FOLDER.exec(file)?.[1];
      return folder === undefined ? ENGINE.length : ENGINE.indexOf(folder as (typeof ENGINE)[number]);
    };
    const inEngine = files.filter((file) => file.startsWith("src/engine/"));
    expect(new Set(inEngine.map(floorOf))).toEqual(new Set([...ENGINE.keys(), ENGINE.length]));
    const upwards = inEngine.flatMap((file) =>
      targetsOf(file)
        .filter((target) => target.startsWith("src/engine/") && floorOf(target) > floorOf(file))
        .map((target) => `${file} imports ${target}`),
    );
    expect(upwards).toEqual([]);
  });

  it("has no import cycles, types included", () => {
    const state = new Map<string, "open" | "done">();
    const path: string[] = [];
    const cycles: string[] = [];
    const visit = (file: string): void => {
      if (state.get(file) === "done") return;
      if (state.get(file) === "open") {
        cycles.push([...path.slice(path.indexOf(file)), file].join(" → "));
        return;
      }
      state.set(file, "open");
      path.push(file);
      for (const target of targetsOf(file)) visit(target);
      path.pop();
      state.set(file, "done");
    };
    for (const file of files) visit(file);
    expect(cycles).toEqual([]);
  });

  function targetsOf(file: string): string[] {
    const specifiers = (imports.get(file) ?? []).map(({ specifier }) => specifier);
    return specifiers.filter((specifier) => specifier.startsWith(".")).map((specifier) => targetOf(file, specifier));
  }
});

function targetOf(file: string, specifier: string): string {
  return relative(root, resolve(root, dirname(file), specifier))
    .split(sep)
    .join("/");
}

function sources(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => `${folder}/${name.split(sep).join("/")}`)
    .sort();
}

function importsOf(file: string): Import[] {
  const text = readFileSync(join(root, file), "utf8");
  const found: Import[] = [];
  const pattern =
    /^\s*(import|export)\s+(type\s)?[^;"']*?from\s+"([^"]+)"|^\s*import\s+"([^"]+)"|import\(\s*"([^"]+)"\s*\)/gm;
  for (const match of text.matchAll(pattern)) {
    found.push({ specifier: (match[3] ?? match[4] ?? match[5])!, typeOnly: match[2] !== undefined });
  }
  return found;
}
