import { readFileSync, statSync } from "node:fs";
import { isBuiltin } from "node:module";
import { dirname, isAbsolute, join, relative, resolve, sep } from "node:path";
import type { BuildFailure, BuildOptions, Message, Metafile, Plugin } from "esbuild";
import { isLinked, type PackageLock, packageOf } from "./package-lock.ts";

/** A module and everything of ours that it uses, as one file of JavaScript. */
export interface Bundle {
  readonly text: string;
  readonly map: string;
  /** Every file that was read to make it, used or not; relative to the workspace, with `/`. */
  readonly inputs: readonly string[];
  /** Folders in which a new file could change how an import resolves; relative likewise. */
  readonly folders: readonly string[];
  /** Packages it may load, by name. */
  readonly packages: readonly string[];
}

export interface BundleError {
  readonly message: string;
}

/** Counts changes to the options below that may change bundles: then the index of bundles is made anew. */
export const BUNDLE_FORMAT = 1;

/**
 * Bundles a module with esbuild: ESM for Node 20, tree-shaken, white space and comments gone, names kept for readable
 * stacks, packages external, dynamic imports of our own files inlined. tsconfig.json is not read, so that nothing but
 * the sources, package.json's `sideEffects` and esbuild itself decides the text.
 */
export async function bundleModule(
  workspace: string,
  module: string,
  lock: PackageLock | undefined,
  entry: Entry = "default",
): Promise<Bundle | BundleError> {
  const { build } = await import("esbuild");
  try {
    const result = await build({
      absWorkingDir: workspace,
      ...entryOf(workspace, module, entry),
      bundle: true,
      splitting: false,
      platform: "node",
      format: "esm",
      target: "node20",
      treeShaking: true,
      minifyWhitespace: true,
      legalComments: "none",
      charset: "utf8",
      sourcemap: "external",
      sourcesContent: false,
      metafile: true,
      write: false,
      logLevel: "silent",
      tsconfigRaw: {},
      plugins: [externalPackages(lock)],
    });
    const text = result.outputFiles.find(({ path }) => path.endsWith(".mjs"))!.text;
    const map = result.outputFiles.find(({ path }) => path.endsWith(".map"))!.text;
    const used = new Set(
      Object.values(result.metafile.outputs).flatMap(({ imports }) => imports.map(({ path }) => path)),
    );
    const names = [...used].filter((path) => !isBuiltin(path)).map(packageOf);
    return {
      text,
      map,
      ...inputsOf(workspace, result.metafile),
      packages: [...new Set([...names, ...namedPackages(text, lock)])].sort(),
    };
  } catch (error) {
    const { errors } = error as Partial<BuildFailure>;
    if (errors === undefined || errors.length === 0) throw error;
    const noDefault = errors.some(
      ({ text, location }) => location?.file === STDIN && text.includes('import "default"'),
    );
    return { message: noDefault ? `${module} has no default export` : errors.slice(0, 5).map(describe).join("\n") };
  }
}

/** What a bundle is for: its default export (other exports fall away), or what the module does when it is loaded. */
export type Entry = "default" | "module";

const STDIN = "<stdin>";

function entryOf(workspace: string, module: string, entry: Entry): BuildOptions & { outfile: string } {
  // The map's paths are relative to here, which is where the engine puts the bundle.
  const outfile = join(workspace, ".pipeline", "bundles", "bundle.mjs");
  if (entry === "module") return { entryPoints: [resolve(workspace, module)], outfile };
  const specifier = JSON.stringify(isAbsolute(module) || module.startsWith(".") ? module : `./${module}`);
  return { stdin: { contents: `export { default } from ${specifier};`, resolveDir: workspace }, outfile };
}

/** Leaves packages to Node, and says which have no side effects, so that an unused import of one falls away. */
function externalPackages(lock: PackageLock | undefined): Plugin {
  return {
    name: "external-packages",
    setup({ onResolve }) {
      // Neither relative, nor absolute, nor `#imports` of package.json.
      onResolve({ filter: /^[^./#]/ }, ({ path, kind, resolveDir }) => {
        if (kind === "entry-point" || /^[A-Za-z]:[\\/]/.test(path)) return undefined;
        if (isBuiltin(path)) return { path, external: true, sideEffects: false };
        const name = packageOf(path);
        if (isLinked(lock, name)) return undefined;
        return { path, external: true, sideEffects: !isPure(resolveDir, name) };
      });
    },
  };
}

function isPure(from: string, name: string): boolean {
  for (let folder = from; ; folder = dirname(folder)) {
    try {
      const text = readFileSync(join(folder, "node_modules", name, "package.json"), "utf8");
      return (JSON.parse(text) as { sideEffects?: unknown }).sideEffects === false;
    } catch {
      if (dirname(folder) === folder) return false;
    }
  }
}

/** Packages that the code looks up by itself: `require.resolve("x/file")`, `import.meta.resolve("x")`, a `createRequire`. */
function namedPackages(text: string, lock: PackageLock | undefined): string[] {
  const names = [
    ...text.matchAll(
      /(?:\brequire\w*|\bresolve\w*|\bcreateRequire\w*\([^()]*\))\(\s*["'`]((?:@[\w.-]+\/)?[\w.-]+)[/"'`]/g,
    ),
  ].map((match) => match[1]!);
  return names.filter((name) => !isBuiltin(name) && lock?.packages[`node_modules/${name}`] !== undefined);
}

function inputsOf(workspace: string, { inputs }: Metafile): { inputs: string[]; folders: string[] } {
  const files = new Set<string>();
  const folders = new Set<string>();
  const descriptions = new Set<string>();
  for (const [path, { imports }] of Object.entries(inputs)) {
    if (path === STDIN || path.includes(":")) continue; // Not on disk: esbuild's own stand-ins.
    files.add(path);
    // package.json decides `sideEffects` and `imports`: the nearest one, and any nearer one that might appear.
    for (let folder = dirname(resolve(workspace, path)); !descriptions.has(folder); folder = dirname(folder)) {
      descriptions.add(folder);
      files.add(relativeTo(workspace, join(folder, "package.json")));
      if (statSync(join(folder, "package.json"), { throwIfNoEntry: false }) || dirname(folder) === folder) break;
    }
    for (const { path: target, original, external } of imports) {
      // An import without its exact file name resolves to the first of several: a new file may come first.
      if (external || original === undefined || target.includes(":")) continue;
      const exact = relativeTo(workspace, resolve(dirname(resolve(workspace, path)), original)) === target;
      if (!exact) folders.add(dirname(target));
    }
  }
  return { inputs: [...files].sort(), folders: [...folders].sort() };
}

function relativeTo(workspace: string, path: string): string {
  return relative(workspace, path).split(sep).join("/");
}

function describe({ text, location }: Message): string {
  if (location === null) return text;
  return `${location.file}:${location.line}:${location.column + 1}: ${text}`;
}
