import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { findTensorflow } from "../../src/runtimes/tensorflow-package.ts";

const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..");

function setup(folder: string, ...options: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync("bash", [join(folder, "scripts", "setup-tensorflow.sh"), ...options], { encoding: "utf8" });
}

describe("npm run setup:tensorflow", () => {
  const ready = findTensorflow() !== undefined;
  if (!ready) console.warn("skipped: the addon is not built (npm run setup:tensorflow)");

  it.skipIf(!ready)("leaves a working addon alone, and package.json and lockfile too (needs the addon)", () => {
    const files = ["package.json", "package-lock.json", "node_modules/@tensorflow/tfjs-node-gpu/package.json"];
    const read = () => files.map((file) => readFileSync(join(root, file), "utf8"));
    const before = read();
    const { status, stdout } = setup(root);
    expect(stdout).toMatch(/the addon is there and works \(TensorFlow [\d.]+/);
    expect(status).toBe(0);
    expect(read()).toEqual(before);
  });

  it("refuses what it does not know with its usage", () => {
    const unknown = setup(root, "--nonsense");
    expect(unknown.status).toBe(2);
    expect(unknown.stdout).toMatch(/--from package\|pip/);
    const source = setup(root, "--from", "elsewhere");
    expect(source.status).toBe(1);
    expect(source.stderr).toMatch(/'package' or 'pip', not 'elsewhere'/);
  });

  it("asks for npm ci where the package is not installed, and for pip where Python has none", () => {
    const folder = mkdtempSync(join(tmpdir(), "setup-"));
    try {
      cpSync(join(root, "scripts"), join(folder, "scripts"), { recursive: true });
      const empty = setup(folder);
      expect(empty.status).toBe(1);
      expect(empty.stderr).toMatch(/not installed\.\n.*Run 'npm ci' first/);

      const name = "node_modules/@tensorflow/tfjs-node-gpu";
      mkdirSync(join(folder, name), { recursive: true });
      cpSync(join(root, name, "package.json"), join(folder, name, "package.json"));
      const run = spawnSync("bash", [join(folder, "scripts", "setup-tensorflow.sh"), "--from", "pip"], {
        encoding: "utf8",
        env: { PATH: process.env.PATH, PYTHON: "/nonexistent/python" },
      });
      expect(run.status).toBe(1);
      expect(run.stderr).toMatch(/has no pip|hold no C library/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
