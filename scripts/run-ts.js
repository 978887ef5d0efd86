// Runs one TypeScript file of this repository: `node scripts/run-ts.js FILE [ARG…]`.
// Node 20 cannot strip types and installation runs no build, so the file is bundled to memory-sized scratch and imported.
import { mkdirSync, rmSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "esbuild";

const [file, ...rest] = process.argv.slice(2);
if (file === undefined) {
  process.stderr.write("usage: node scripts/run-ts.js FILE [ARG…]\n");
  process.exit(2);
}
const root = dirname(dirname(fileURLToPath(import.meta.url)));
const scratch = join(root, "node_modules", ".cache", "gd-instabilities", "scripts");
mkdirSync(scratch, { recursive: true });
const outfile = join(scratch, `${process.pid}-${Date.now()}.mjs`);
await build({
  entryPoints: [resolve(file)],
  outfile,
  bundle: true,
  platform: "node",
  format: "esm",
  target: "node20",
  packages: "external",
  sourcemap: "inline",
  logLevel: "warning",
});
process.on("exit", () => rmSync(outfile, { force: true }));
process.setSourceMapsEnabled(true);
process.argv = [process.argv[0], resolve(file), ...rest];
await import(pathToFileURL(outfile).href);
