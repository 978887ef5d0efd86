import { spawn } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";
import type { Event, Summary } from "../../src/engine/plan/event.ts";

export const repository = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
const binary = join(repository, "bin", "pipeline.js");

export interface Outcome {
  /** The exit code; `null` when a signal ended the process. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  /** stdout's lines that are JSON objects, in order: the events of `run --json`. */
  readonly events: readonly Event[];
  /** The last event of `run --json`, when it is the summary. */
  readonly summary: Summary | undefined;
}

export interface RunOptions {
  /** Added to a small environment (PATH, HOME, TMPDIR); `undefined` removes a variable. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Relative to the workspace. */
  readonly cwd?: string;
}

/** A started `pipeline` process, for tests that interrupt it. */
export interface Running {
  readonly pid: number;
  kill(signal: NodeJS.Signals): void;
  /** Resolves when the output so far matches; rejects when the process ends first. */
  printed(pattern: RegExp): Promise<void>;
  readonly ended: Promise<Outcome>;
}

/** A temporary workspace: real files and the real binary. Removed when the test that made it finishes. */
export interface Workspace {
  readonly root: string;
  path(file: string): string;
  write(file: string, text: string | Uint8Array): void;
  read(file: string): string;
  exists(file: string): boolean;
  remove(file: string): void;
  /** All files below a folder, workspace-relative with `/`, sorted; `[]` where there is no such folder. */
  list(folder: string): string[];
  /** Runs `pipeline ARGS…` to its end. */
  run(...args: readonly string[]): Promise<Outcome>;
  runWith(options: RunOptions, ...args: readonly string[]): Promise<Outcome>;
  start(options: RunOptions, ...args: readonly string[]): Running;
  /**
   * Shell text that appends `label` to a file outside the workspace, for `cmd:` stages: invocations are then counted
   * with `count`. The label may hold `${…}` of pipeline.yaml.
   */
  counting(label: string): string;
  /** How often `counting(label)` ran; without a label, how often any did. */
  count(label?: string): number;
  /** The labels counted, in order of execution. */
  counted(): string[];
  /** Makes the repository's packages importable from `run:` modules of this workspace. */
  linkPackages(): void;
}

/** Makes a workspace of `files` (path → text), usually with a `pipeline.yaml`. */
export function makeWorkspace(files: Readonly<Record<string, string | Uint8Array>> = {}): Workspace {
  const base = mkdtempSync(join(tmpdir(), "pipeline-test-"));
  onTestFinished(() => rmSync(base, { recursive: true, force: true, maxRetries: 5 }));
  const root = join(base, "workspace");
  const counter = join(base, "invocations.txt");
  mkdirSync(root);

  const workspace: Workspace = {
    root,
    path: (file) => join(root, file),
    write(file, text) {
      mkdirSync(dirname(join(root, file)), { recursive: true });
      writeFileSync(join(root, file), text);
    },
    read: (file) => readFileSync(join(root, file), "utf8"),
    exists: (file) => existsSync(join(root, file)),
    remove: (file) => rmSync(join(root, file), { recursive: true, force: true }),
    list(folder) {
      if (!existsSync(join(root, folder))) return [];
      return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
        .filter((entry) => !entry.isDirectory())
        .map((entry) =>
          join(entry.parentPath, entry.name)
            .slice(root.length + 1)
            .split(sep)
            .join("/"),
        )
        .sort();
    },
    run: (...args) => workspace.start({}, ...args).ended,
    runWith: (options, ...args) => workspace.start(options, ...args).ended,
    start: (options, ...args) => start(root, options, args),
    counting: (label) => `printf '%s\\n' "${label}" >> '${counter}'`,
    count: (label) => workspace.counted().filter((line) => label === undefined || line === label).length,
    counted: () => (existsSync(counter) ? readFileSync(counter, "utf8").split("\n").slice(0, -1) : []),
    linkPackages: () => symlinkSync(join(repository, "node_modules"), join(root, "node_modules")),
  };
  for (const [file, text] of Object.entries(files)) workspace.write(file, text);
  return workspace;
}

/** The text of a `run:` module whose `run(context)` has this body. It imports the repository's `src/stage.ts` by its full path. */
export function stageModule(body: string, imports = ""): string {
  const contract = JSON.stringify(join(repository, "src", "stage.ts"));
  return `import { readFileSync, writeFileSync } from "node:fs";
import { defineStage, StageError } from ${contract};
${imports}
void readFileSync, writeFileSync, StageError;
export default defineStage({
  async run(context) {
${body}
  },
});
`;
}

function start(root: string, options: RunOptions, args: readonly string[]): Running {
  const { PATH, HOME, TMPDIR } = process.env;
  // Locks of the machine are those of the test.
  const env: Record<string, string | undefined> = {
    PATH,
    HOME,
    TMPDIR,
    PIPELINE_LOCKS: join(root, "..", "locks"),
    ...options.env,
  };
  for (const name of Object.keys(env)) if (env[name] === undefined) delete env[name];
  const child = spawn(process.execPath, [binary, ...args], {
    cwd: join(root, options.cwd ?? "."),
    env: env as NodeJS.ProcessEnv,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  let over = false;
  const listeners = new Set<() => void>();
  const heard = (): void => {
    for (const listener of [...listeners]) listener();
  };
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
    heard();
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
    heard();
  });
  const ended = new Promise<Outcome>((fulfil, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => {
      over = true;
      heard();
      const events = eventsOf(stdout);
      const last = events.at(-1);
      fulfil({ code, signal, stdout, stderr, events, summary: last?.type === "summary" ? last : undefined });
    });
  });
  return {
    pid: child.pid ?? -1,
    kill: (signal) => void child.kill(signal),
    printed: (pattern) =>
      new Promise((fulfil, reject) => {
        const look = (): void => {
          if (pattern.test(stdout) || pattern.test(stderr)) {
            listeners.delete(look);
            fulfil();
          } else if (over) {
            listeners.delete(look);
            reject(new Error(`the process ended before it printed ${pattern}:\n${stdout}\n${stderr}`));
          }
        };
        listeners.add(look);
        look();
      }),
    ended,
  };
}

function eventsOf(stdout: string): Event[] {
  return stdout
    .split("\n")
    .filter((line) => line.startsWith("{") && line.endsWith("}"))
    .flatMap((line) => {
      try {
        return [JSON.parse(line) as Event];
      } catch {
        return [];
      }
    });
}
