import { spawnSync } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { dirname, join, relative, resolve, sep } from "node:path";
import { type Environment, placeOf } from "../plan/environment.ts";
import type { PlanFailure } from "../plan/plan-failure.ts";
import type { Action, Host } from "./action.ts";
import type { Program } from "./spawner.ts";

const CALLS = "trace=open,openat,openat2,execve";

/** Why actions cannot be traced here, or `undefined` where they can. */
export function traceProblem({ PATH }: Environment): PlanFailure | undefined {
  const { error, status, stderr } = spawnSync("strace", ["-f", "-qq", "-e", CALLS, "-o", "/dev/null", "true"], {
    env: { PATH },
    encoding: "utf8",
  });
  if (error !== undefined) {
    return {
      reason: "no-strace",
      message: "--trace needs strace, and it is not on the PATH",
      remedy: "install it (Linux: apt-get install strace), or run without --trace",
    };
  }
  if (status === 0) return undefined;
  return {
    reason: "no-strace",
    message: `--trace needs strace, and it may not trace here: ${stderr.trim().split("\n").at(-1)}`,
    remedy: "allow ptrace (in a container: --cap-add SYS_PTRACE), or run without --trace",
  };
}

/** The program under strace, which writes what is opened to `file`. */
export function traced({ file, args, ...rest }: Program, trace: string): Program {
  const words = ["-f", "-y", "-qq", "-s", "4096", "-e", CALLS, "-e", "signal=none", "-o", trace, "--"];
  return { ...rest, file: "strace", args: [...words, file, ...args] };
}

/** The files of the workspace that an action has read without declaring them, workspace-relative, sorted. */
export function undeclaredReads({ plan, environment }: Host, action: Action, file: string): string[] {
  const { workspace } = plan;
  const { instance, deps, temporary } = action;
  const declared = [
    ...Object.values(deps).flatMap(({ files }) => files.map(({ path }) => join(workspace, path))),
    ...[...instance.reads, ...(instance.writes ?? [])].map((path) => placeOf(path, workspace, environment)),
    // Its own outs and scratch files; programs of packages; what says how a .js file is to be read.
    dirname(temporary),
    join(workspace, "node_modules"),
    join(workspace, "package.json"),
  ];
  const isDeclared = (path: string): boolean =>
    declared.some((place) => place !== undefined && (path === place || path.startsWith(place + sep)));
  const text = readFileSync(file, "utf8");
  rmSync(file);
  const paths = [...readsIn(text)].map((path) => resolve(workspace, path));
  return paths
    .filter((path) => path.startsWith(workspace + sep) && !isDeclared(path))
    .map((path) => relative(workspace, path).split(sep).join("/"))
    .filter((path, index, all) => all.indexOf(path) === index)
    .sort();
}

/** What strace's lines say was opened for reading or executed; a call may be cut in two by another process's. */
export function readsIn(text: string): Set<string> {
  const paths = new Set<string>();
  const begun = new Map<string, string>();
  for (const line of text.split("\n")) {
    const [, pid = "", rest = ""] = /^(\d+)\s+(.*)$/.exec(line) ?? [];
    const unfinished = /^(.*) <unfinished \.\.\.>$/.exec(rest);
    if (unfinished !== null) {
      begun.set(pid, unfinished[1]!);
      continue;
    }
    const call = rest.replace(/^<\.\.\. \w+ resumed>/, () => begun.get(pid) ?? "");
    const executed = /^execve\("((?:[^"\\]|\\.)*)".* = 0$/.exec(call);
    if (executed !== null) paths.add(executed[1]!);
    // With -y the file descriptor that is returned names its file.
    const opened = /^open\w*\(.*\) = \d+<(\/.*?)(?: \(deleted\))?>$/.exec(call);
    if (opened !== null && !/O_WRONLY|O_DIRECTORY|O_PATH|O_TRUNC/.test(call)) paths.add(opened[1]!);
  }
  return paths;
}
