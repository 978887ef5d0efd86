import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { openSpawner, type Spawner } from "../../../src/engine/actions/spawner.ts";
import { type ChildEnd, watchChild } from "../../../src/engine/system/child.ts";

const folder = mkdtempSync(join(tmpdir(), "spawner-test-"));
const host = join(folder, "spawner.cjs");
const env = { PATH: process.env.PATH ?? "" };

beforeAll(async () => {
  await build({
    entryPoints: ["src/engine/actions/spawner-host.ts"],
    outfile: host,
    bundle: true,
    platform: "node",
    format: "cjs",
    logLevel: "error",
  });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Told {
  readonly end: ChildEnd;
  readonly stdout: readonly string[];
  readonly stderr: readonly string[];
}

async function shell(spawner: Spawner, text: string, signal = new AbortController().signal): Promise<Told> {
  const lines = { stdout: [] as string[], stderr: [] as string[] };
  const child = spawner.start({ file: "bash", args: ["-c", text], cwd: folder, env });
  const end = await watchChild(child, { signal, onLine: (stream, line) => lines[stream].push(line) });
  return { end, ...lines };
}

/** A spawner whose commands are started by another process, and that process's number. */
async function elsewhere(): Promise<{ spawner: Spawner; pid: number }> {
  const spawner = openSpawner(host);
  onTestFinished(() => spawner.close());
  for (;;) {
    const pid = Number((await shell(spawner, "echo $PPID")).stdout[0]);
    if (pid !== process.pid) return { spawner, pid };
  }
}

describe.skipIf(process.platform === "win32")("commands that a small process starts", () => {
  it("are started from here while they are few", async () => {
    const spawner = openSpawner(host);
    onTestFinished(() => spawner.close());
    expect((await shell(spawner, "echo $PPID")).stdout).toEqual([String(process.pid)]);
  });

  it("end as any do: exit code, signal, environment, folder, both outputs whole and in order", async () => {
    const { spawner } = await elsewhere();
    const good = await shell(spawner, "seq 100000; echo last >&2");
    expect(good.end).toEqual({ code: 0, signal: null, interrupted: false, timedOut: false });
    expect(good.stdout).toEqual(Array.from({ length: 100_000 }, (_, i) => String(i + 1)));
    expect(good.stderr).toEqual(["last"]);
    expect((await shell(spawner, "exit 7")).end).toMatchObject({ code: 7, signal: null });
    expect((await shell(spawner, "kill -SEGV $$")).end).toMatchObject({ code: null, signal: "SIGSEGV" });
    expect((await shell(spawner, 'pwd -P; echo "$PATH|$' + '{HOME-none}"')).stdout[1]).toBe(`${env.PATH}|none`);
    const many = await Promise.all(Array.from({ length: 20 }, (_, i) => shell(spawner, `echo ${i}; exit ${i}`)));
    expect(many.map(({ end, stdout }) => [end.code, stdout])).toEqual(many.map((_, i) => [i, [String(i)]]));
  });

  it("that do not exist are an error with its code", async () => {
    const { spawner } = await elsewhere();
    const child = spawner.start({ file: "/no/such/program", args: [], cwd: folder, env });
    const end = watchChild(child, { signal: new AbortController().signal, onLine: () => undefined });
    await expect(end).rejects.toMatchObject({ code: "ENOENT", syscall: "spawn" });
  });

  it("take what they left in the background with them, and end when the run is interrupted", async () => {
    const { spawner } = await elsewhere();
    const left = await shell(spawner, "sleep 600 & echo $!");
    // It has got its signal; when it is gone is the system's business.
    while (!isGone(Number(left.stdout[0]))) await new Promise(setImmediate);
    const interrupt = new AbortController();
    const child = spawner.start({ file: "bash", args: ["-c", "echo here; sleep 600"], cwd: folder, env });
    const end = await watchChild(child, { signal: interrupt.signal, onLine: () => interrupt.abort() });
    expect(end).toMatchObject({ signal: "SIGTERM", interrupted: true });
  });

  it("end with it; after that they are started from here", async () => {
    const { spawner, pid } = await elsewhere();
    const child = spawner.start({ file: "bash", args: ["-c", "echo $$; sleep 600"], cwd: folder, env });
    let command = 0;
    const end = await watchChild(child, {
      signal: new AbortController().signal,
      onLine(_, line) {
        command = Number(line);
        process.kill(pid, "SIGKILL");
      },
    });
    expect(end).toMatchObject({ code: null, signal: "SIGKILL" });
    while (!isGone(command)) await new Promise(setImmediate);
    expect((await shell(spawner, "echo $PPID")).stdout).toEqual([String(process.pid)]);
  });
});

/** A zombie whose parent is gone, and that nobody has collected yet, is as gone. */
function isGone(pid: number): boolean {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "latin1");
    return "ZX".includes(text.slice(text.lastIndexOf(")") + 2)[0]!);
  } catch {
    return true;
  }
}
