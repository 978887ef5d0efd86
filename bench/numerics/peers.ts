import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";

/** A virtual environment with PyTorch, JAX and SciPy, made once with pip outside of the working tree's tracked files. */
export function ensurePeers(): string {
  const given = process.env.BENCH_PYTHON;
  if (given !== undefined) return given;
  const venv = "node_modules/.cache/gd-instabilities/bench-venv";
  const executable = join(venv, "bin", "python");
  if (existsSync(join(venv, ".ready"))) return executable;
  mkdirSync(venv, { recursive: true });
  process.stderr.write("installing PyTorch, JAX and SciPy into a virtual environment of the benchmark's own …\n");
  for (const command of [
    ["python3", "-m", "venv", venv],
    [executable, "-m", "pip", "install", "-q", "numpy", "scipy", "torch", "jax"],
    ["touch", join(venv, ".ready")],
  ]) {
    const result = spawnSync(command[0]!, command.slice(1), { stdio: ["ignore", "inherit", "inherit"] });
    if (result.status !== 0) {
      process.stderr.write(
        `\`${command.join(" ")}\` failed: install numpy, scipy, torch and jax yourself and set BENCH_PYTHON\n`,
      );
      process.exit(1);
    }
  }
  return executable;
}
