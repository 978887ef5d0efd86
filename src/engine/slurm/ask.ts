import { execFile } from "node:child_process";
import type { Environment } from "../plan/environment.ts";

/** What one of Slurm's programs answers; `undefined` where it fails. */
export function ask(environment: Environment, program: string, args: readonly string[]): Promise<string | undefined> {
  return new Promise((fulfil) => {
    const env = slurmEnvironment(environment);
    execFile(program, args, { env, maxBuffer: 1 << 28, timeout: 120_000 }, (error, stdout) =>
      fulfil(error === null ? stdout : undefined),
    );
  });
}

/** A driver that runs in a job itself must not hand on what that job is. */
export function slurmEnvironment(environment: Environment): NodeJS.ProcessEnv {
  const kept = Object.entries(environment).filter(
    ([name]) => !/^S(LURM|QUEUE|ACCT)_/.test(name) || /^SLURM_(CONF|CLUSTERS|JWT)$/.test(name),
  );
  return Object.fromEntries(kept);
}
