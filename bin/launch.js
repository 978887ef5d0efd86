// A clean clone has no build step: Node 20 cannot run TypeScript, and installation runs no scripts. So the first start
// bundles src/cli.ts (src/engine/api.ts, for programs; the processes that start commands and that jobs of a cluster start) with esbuild, and later starts reuse the bundle while no source
// file has changed: one `stat` a file.
//
// CommonJS throughout (bin/package.json says so), and one file: Node's ESM loader alone would cost a quarter of the start
// of an empty process.
const {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} = require("node:fs");
const { createRequire } = require("node:module");
const { tmpdir, userInfo } = require("node:os");
const { dirname, join } = require("node:path");
const { setFlagsFromString } = require("node:v8");
const vm = require("node:vm");

const MINIMUM = [20, 19];
const FORMAT = 7;
const COMMANDS = new Set(["run", "status", "why", "graph"]);
const DAY = 24 * 60 * 60 * 1000;
const root = dirname(__dirname);

/** Runs the command line. */
async function launch() {
  const [major, minor] = process.versions.node.split(".").map(Number);
  if (major < MINIMUM[0] || (major === MINIMUM[0] && minor < MINIMUM[1])) {
    process.stderr.write(
      `pipeline needs Node ${MINIMUM.join(".")} or newer, and this is Node ${process.versions.node}.\n`,
    );
    process.exitCode = 2;
    return;
  }
  // Optimise only what has run ten times as long as V8 asks for: in a run of 0.1 s, two cores' worth of optimising threads
  // take 7 % of the processor time and finish when it is over. (The flag is known to be there in these versions.)
  if (major <= 24) setFlagsFromString("--interrupt-budget=1500000");
  let bundle;
  try {
    bundle = findBundle() ?? (await buildBundle());
  } catch (error) {
    // esbuild has printed a syntax error in our own sources; anything else is told here.
    if (error?.errors === undefined) process.stderr.write(`pipeline cannot be bundled: ${error?.stack ?? error}\n`);
    process.exitCode = 2;
    return;
  }
  tellBuild(bundle);
  if (isRun() && require(join(bundle.folder, "idle.cjs")).repeatIdleRun(process.argv.slice(2))) return;
  load(bundle.folder);
}

/** Whether the command line may ask for a run: `pipeline run …`. */
function isRun() {
  return process.argv.includes("run", 2);
}

/** What src/engine/api.ts exports, for programs. */
async function loadEngine() {
  const bundle = findBundle() ?? (await buildBundle());
  tellBuild(bundle);
  return require(join(bundle.folder, "engine.cjs"));
}

/** What the bundle cannot tell from its own place on disk: src/engine/system/build.ts reads this. */
function tellBuild({ id, folder }) {
  globalThis[Symbol.for("gd-instabilities.build")] = { root, id, folder };
}

/**
 * What require() does, with V8's code cache beside the bundle: compiling takes longer than reading what was compiled.
 * Each command has its own, since each calls other functions. V8 refuses the cache of another version of itself.
 */
function load(folder) {
  const filename = join(folder, "cli.cjs");
  const command = process.argv.slice(2).find((word) => /^[a-z]+$/.test(word)) ?? "none";
  const cache = join(folder, `${COMMANDS.has(command) ? command : "none"}.cache`);
  let cachedData;
  try {
    cachedData = readFileSync(cache);
  } catch {
    // The first time.
  }
  const script = new vm.Script(`(function (require, module, exports) {${readFileSync(filename, "utf8")}\n})`, {
    filename,
    cachedData,
  });
  if (cachedData === undefined || script.cachedDataRejected) {
    process.on("exit", () => {
      const temporary = `${cache}.${process.pid}`;
      try {
        writeFileSync(temporary, script.createCachedData());
        renameSync(temporary, cache);
      } catch {
        // Read-only: compiled anew each time.
      }
    });
  }
  const bundle = { exports: {} };
  script.runInThisContext()(createRequire(filename), bundle, bundle.exports);
}

/**
 * Where bundles are kept: beside the packages, or in a private folder of the temporary directory when that is read-only.
 * By root, since two checkouts may share their packages by a link.
 */
function folders() {
  const id = Buffer.from(root).toString("base64url").slice(-100);
  const user = process.getuid?.() ?? userInfo().username;
  return [
    join(root, "node_modules", ".cache", "gd-instabilities", "cli", id),
    join(tmpdir(), `gd-instabilities-${user}`, "cli", id),
  ];
}

function findBundle() {
  for (const folder of folders()) {
    let manifest;
    try {
      manifest = JSON.parse(readFileSync(join(folder, "current.json"), "utf8"));
    } catch {
      continue;
    }
    if (manifest.format !== FORMAT || manifest.root !== root || !isOurs(folder)) continue;
    const bundle = { folder: join(folder, manifest.id), id: manifest.id };
    if (!existsSync(join(bundle.folder, "cli.cjs"))) continue;
    if (manifest.inputs.every(([path, stamp]) => stampOf(path) === stamp)) return bundle;
  }
  return undefined;
}

async function buildBundle() {
  const started = Date.now();
  const { build } = require("esbuild");
  const { createHash } = require("node:crypto");
  const result = await build({
    absWorkingDir: root,
    entryPoints: {
      cli: "src/cli.ts",
      idle: "src/commands/idle.ts",
      engine: "src/engine/api.ts",
      spawner: "src/engine/actions/spawner-host.ts",
      worker: "src/engine/slurm/worker-host.ts",
    },
    outdir: "out",
    outExtension: { ".js": ".cjs" },
    bundle: true,
    platform: "node",
    format: "cjs",
    // What is not called is not compiled, only skipped over: the less there is of it, the better.
    minifyWhitespace: true,
    minifySyntax: true,
    // Packages by require(), too: a script with a code cache has no importer.
    supported: { "dynamic-import": false },
    // Only src/engine/system/build.ts asks for it, where no launcher has told it the root.
    logOverride: { "empty-import-meta": "silent" },
    target: "node20",
    packages: "external",
    sourcemap: "linked",
    sourcesContent: false,
    metafile: true,
    write: false,
    logLevel: "error",
  });
  const digest = createHash("sha256");
  for (const file of result.outputFiles) digest.update(`${file.path.slice(root.length)}\0`).update(file.contents);
  const id = digest.digest("hex").slice(0, 16);
  const sources = Object.keys(result.metafile.inputs).sort();
  const inputs = [...sources, "bin/launch.js", "package.json", "node_modules/esbuild/package.json"].map((path) => {
    const stamp = stampOf(path);
    // A file saved while esbuild read it may not be what was bundled: an impossible stamp makes the next start look again.
    return [path, modifiedAt(path) >= started - 20 ? "changed-while-bundling" : stamp];
  });
  const manifest = JSON.stringify({ format: FORMAT, root, id, inputs });
  let refusal;
  for (const folder of folders()) {
    try {
      publish(folder, id, manifest, result.outputFiles);
      return { folder: join(folder, id), id };
    } catch (error) {
      refusal = error;
    }
  }
  throw refusal;
}

/** Everything appears by rename, so that processes that start at once each find a whole bundle, their own or another's. */
function publish(folder, id, manifest, files) {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  if (!isOurs(folder)) throw new Error(`${folder} belongs to someone else`);
  linkPackages(folder);
  const final = join(folder, id);
  const temporary = join(folder, `.${process.pid}-${process.hrtime.bigint()}`);
  if (existsSync(join(final, "cli.cjs"))) {
    utimesSync(final, new Date(), new Date());
  } else {
    mkdirSync(temporary);
    const out = join(root, "out");
    for (const file of files) {
      const target = join(temporary, file.path.slice(out.length + 1));
      mkdirSync(dirname(target), { recursive: true });
      // Source maps name their sources relative to root/out; where the bundle lies, only a full path serves.
      writeFileSync(target, target.endsWith(".map") ? withSourceRoot(file.text) : file.contents);
    }
    try {
      renameSync(temporary, final);
    } catch (error) {
      rmSync(temporary, { recursive: true, force: true });
      if (!existsSync(join(final, "cli.cjs"))) throw error;
    }
  }
  writeFileSync(`${temporary}.json`, manifest);
  renameSync(`${temporary}.json`, join(folder, "current.json"));
  prune(folder, id);
}

function withSourceRoot(text) {
  return JSON.stringify({ ...JSON.parse(text), sourceRoot: require("node:url").pathToFileURL(join(root, "out")).href });
}

/** In the temporary directory no node_modules lies above the bundle, so one is linked there. */
function linkPackages(folder) {
  if (folder.startsWith(join(root, "node_modules"))) return;
  try {
    symlinkSync(join(root, "node_modules"), join(folder, "node_modules"), "junction");
  } catch (error) {
    if (error.code !== "EEXIST") throw error;
  }
}

/** Bundles nobody has built for a day: a process still running from one may yet load a command of it, so never sooner. */
function prune(folder, keep) {
  for (const name of readdirSync(folder)) {
    if (name === keep || name === "node_modules" || name === "current.json") continue;
    try {
      if (Date.now() - modifiedAt(join(folder, name)) > DAY)
        rmSync(join(folder, name), { recursive: true, force: true });
    } catch {
      // Another process pruned it first.
    }
  }
}

function isOurs(folder) {
  const stats = lstatSync(folder);
  return (
    stats.isDirectory() && (process.getuid === undefined || stats.uid === process.getuid() || process.getuid() === 0)
  );
}

function stampOf(path) {
  const stats = statSync(join(root, path), { throwIfNoEntry: false });
  return stats === undefined ? "missing" : `${stats.size}:${stats.mtimeMs}:${stats.ino}`;
}

function modifiedAt(path) {
  const stats = statSync(path.startsWith("/") ? path : join(root, path), { throwIfNoEntry: false });
  return stats?.mtimeMs ?? 0;
}

module.exports = { launch, loadEngine };
