import { spawn } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { parse } from "yaml";

/** A workflow as far as its scripts can be run without GitHub. */
interface Workflow {
  readonly defaults?: { readonly run?: { readonly shell?: string } };
  readonly jobs: Readonly<Record<string, { readonly env?: Env; readonly steps: readonly Step[] }>>;
}

export interface Step {
  readonly id?: string;
  readonly if?: string;
  readonly env?: Env;
  readonly run?: string;
  readonly uses?: string;
  readonly with?: Readonly<Record<string, string | number | boolean>>;
}

type Env = Readonly<Record<string, string>>;

export interface JobOptions {
  readonly folder: string;
  /** What GitHub's expressions give: `github.token` → … Every one that is evaluated must be here. */
  readonly expressions: Readonly<Record<string, string>>;
  readonly env: Env;
  /** Does what a `uses:` step would. */
  readonly use: (step: Step) => void;
}

export interface JobOutcome {
  readonly code: number;
  readonly output: string;
}

/** Runs a job's scripts in order as GitHub does: after a failure only steps that say `!cancelled()`. */
export async function runJob(workflow: string, name: string, options: JobOptions): Promise<JobOutcome> {
  const { defaults, jobs } = parse(workflow) as Workflow;
  const { env = {}, steps } = jobs[name]!;
  // Where nobody names a shell it is `bash -e`; the named one has pipefail.
  const flags = defaults?.run?.shell === "bash" ? ["-eo", "pipefail"] : ["-e"];
  const known = new Map(Object.entries(options.expressions));
  const outputs = join(options.folder, "..", "outputs");
  const resolved = (values: Env): Record<string, string> =>
    Object.fromEntries(Object.entries(values).map(([key, value]) => [key, evaluated(value, known)]));
  let code = 0;
  let output = "";
  for (const step of steps) {
    const condition = step.if?.replace(/^\$\{\{ (.*) \}\}$/, "$1");
    const always = condition === "!cancelled()";
    if (code !== 0 && !always) continue;
    if (condition !== undefined && !always && (known.get(condition) ?? "") === "") continue;
    if (step.run === undefined) {
      options.use(step);
      continue;
    }
    writeFileSync(outputs, "");
    const ended = await bash([...flags, "-c", step.run], options.folder, {
      ...options.env,
      ...resolved(env),
      ...resolved(step.env ?? {}),
      GITHUB_OUTPUT: outputs,
    });
    output += ended.output;
    if (ended.code !== 0) code = ended.code;
    for (const line of readFileSync(outputs, "utf8").split("\n").filter(Boolean)) {
      const [key, value = ""] = line.split("=", 2);
      known.set(`steps.${step.id}.outputs.${key}`, value);
    }
  }
  return { code, output };
}

function evaluated(text: string, known: ReadonlyMap<string, string>): string {
  return text.replaceAll(/\$\{\{ (.*?) \}\}/g, (_, expression: string) => {
    const value = known.get(expression);
    if (value === undefined) throw new Error(`no value for ${expression}`);
    return value;
  });
}

function bash(words: readonly string[], cwd: string, env: Env): Promise<JobOutcome> {
  const child = spawn("bash", words, { cwd, env: { ...env }, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
  }
  return new Promise((done) => child.on("close", (code) => done({ code: code ?? 1, output })));
}

/** What the workflow's `gh` has: pull requests, an artifact's folder, comments of one pull request. */
export interface GitHubState {
  readonly pulls: readonly {
    readonly number: number;
    readonly head: { readonly sha: string; readonly label: string };
  }[];
  readonly comments: readonly {
    readonly id: number;
    readonly user: { readonly login: string };
    readonly body: string;
  }[];
  readonly artifact: string;
  /** `POST repos/…` */
  readonly seen: readonly string[];
}

/** A `gh` in `folder` that knows the calls that the recipe makes, and no other; its state is a file. */
export function makeGh(folder: string, state: GitHubState): { readonly path: string; state(): GitHubState } {
  const file = join(folder, "github.json");
  mkdirSync(folder, { recursive: true });
  writeFileSync(file, JSON.stringify(state));
  writeFileSync(join(folder, "gh.mjs"), GH.replaceAll("STATE", JSON.stringify(file)));
  writeFileSync(join(folder, "gh"), `#!/bin/sh\nexec '${process.execPath}' '${join(folder, "gh.mjs")}' "$@"\n`);
  chmodSync(join(folder, "gh"), 0o755);
  const path = `${folder}:${dirname(process.execPath)}:${process.env.PATH ?? ""}`;
  return { path, state: () => JSON.parse(readFileSync(file, "utf8")) as GitHubState };
}

const GH = `import { cpSync, readFileSync, writeFileSync } from "node:fs";
const state = JSON.parse(readFileSync(STATE, "utf8"));
const words = process.argv.slice(2);
const after = (...names) => words.flatMap((word, i) => (names.includes(words[i - 1]) ? [word] : []));
if (words[0] === "auth" && words[1] === "setup-git") process.exit(0);
if (words[0] === "run" && words[1] === "download") {
  if (state.artifact === "") process.exit(1);
  cpSync(state.artifact, after("--dir")[0], { recursive: true, verbatimSymlinks: true });
  process.exit(0);
}
if (words[0] !== "api") throw new Error(words.join(" "));
const path = words.find((word) => word.startsWith("repos/"));
const method = after("--method")[0] ?? "GET";
const fields = Object.fromEntries(after("-f", "-F").map((word) => {
  const at = word.indexOf("=");
  const value = word.slice(at + 1);
  return [word.slice(0, at), value.startsWith("@") ? readFileSync(value.slice(1), "utf8") : value];
}));
state.seen.push(method + " " + path);
if (method === "GET" && path.endsWith("/pulls")) {
  console.log(JSON.stringify(state.pulls.filter(({ head }) => head.label === fields.head)));
} else if (method === "GET" && path.endsWith("/comments")) {
  // A page of each: that is how --paginate prints them.
  for (const comment of state.comments) console.log(JSON.stringify([comment]));
  if (state.comments.length === 0) console.log("[]");
} else if (method === "POST") {
  state.comments.push({ id: 100 + state.comments.length, user: { login: "github-actions[bot]" }, body: fields.body });
} else if (method === "PATCH") {
  state.comments.find(({ id }) => path.endsWith("/" + id)).body = fields.body;
} else throw new Error(words.join(" "));
writeFileSync(STATE, JSON.stringify(state));
`;
