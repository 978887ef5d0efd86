import { fork } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";

/** One thing that the doctor looked at. */
export interface Finding {
  readonly name: string;
  /** Whether it can be used as it is. */
  readonly ok: boolean;
  /** What was found; further lines are details. */
  readonly detail: string;
  /** How to get it, where it is missing. */
  readonly remedy?: string;
}

export interface HookResult {
  readonly findings: readonly Finding[];
  /** `false` when the module failed, which is then the only finding. */
  readonly finished: boolean;
}

/**
 * Runs the workspace's doctor module: its default export returns findings. It runs in a process of its own, since what
 * it looks for (native runtimes, drivers) can take a process down.
 */
export async function runDoctorHook(
  workspace: string,
  module: string,
  environment: Readonly<Record<string, string | undefined>>,
  signal: AbortSignal,
): Promise<HookResult> {
  const folder = join(workspace, ".pipeline", "tmp");
  const outfile = join(folder, `doctor-${process.pid}.mjs`);
  const broken = (detail: string): HookResult => ({ findings: [{ name: module, ok: false, detail }], finished: false });
  try {
    // Below the workspace, so that the module's packages are found in its node_modules.
    mkdirSync(folder, { recursive: true });
    const { build } = await import("esbuild");
    await build({
      stdin: { contents: entryOf(module), resolveDir: workspace, loader: "ts" },
      outfile,
      bundle: true,
      platform: "node",
      format: "esm",
      target: "node20",
      packages: "external",
      logLevel: "silent",
    });
    return await ask(outfile, workspace, environment, signal, broken);
  } catch (error) {
    return broken(`cannot be bundled: ${(error as Error).message}`);
  } finally {
    rmSync(outfile, { force: true });
  }
}

function entryOf(module: string): string {
  return `import examine from ${JSON.stringify(`./${module}`)};
const findings = await examine();
process.send({ findings }, () => process.disconnect());
`;
}

function ask(
  file: string,
  workspace: string,
  environment: Readonly<Record<string, string | undefined>>,
  signal: AbortSignal,
  broken: (detail: string) => HookResult,
): Promise<HookResult> {
  return new Promise((fulfil) => {
    const child = fork(file, [], {
      cwd: workspace,
      env: environment as NodeJS.ProcessEnv,
      silent: true,
      signal,
      execArgv: [],
    });
    let output = "";
    let findings: readonly Finding[] | undefined;
    const hear = (text: string): void => {
      output = (output + text).slice(-4000);
    };
    child.stdout?.setEncoding("utf8").on("data", hear);
    child.stderr?.setEncoding("utf8").on("data", hear);
    child.on("message", (message) => {
      findings = findingsOf(message);
    });
    child.on("error", (error) => fulfil(broken(error.message)));
    child.on("close", (code, killed) => {
      if (findings !== undefined) fulfil({ findings, finished: true });
      else fulfil(broken(`ended with ${killed ?? `code ${code}`} and no findings\n${output.trim()}`.trim()));
    });
  });
}

/** The findings of a message, when it has the promised shape. */
function findingsOf(message: unknown): readonly Finding[] | undefined {
  const list = (message as { readonly findings?: unknown }).findings;
  if (!Array.isArray(list)) return undefined;
  const isFinding = (item: Partial<Finding>): item is Finding =>
    typeof item.name === "string" && typeof item.ok === "boolean" && typeof item.detail === "string";
  return list.every(isFinding) ? list : undefined;
}
