import { type ChildProcess, spawn } from "node:child_process";
import { EventEmitter } from "node:events";
import { join } from "node:path";
import { buildFolder } from "../system/build.ts";
import { type Child, killGroup, localChild } from "../system/child.ts";
import type { FromSpawner, SpawnRequest, ToSpawner } from "./spawner-host.ts";

/** Starts programs, each the leader of a process group of its own, with their output in pipes. */
export interface Spawner {
  start(program: Program): Child;
  /** No more will be started. */
  close(): void;
}

export type Program = Omit<SpawnRequest, "id">;

/** So many are started from here first: a run of few commands does not wait for another process to start. */
const FEW = 8;

/**
 * Starting a process takes this one 3 ms, in which it does nothing else, and it then copies each page that it writes to:
 * after some programs a small process of 40 MB starts them, in 0.8 ms and beside us (docs/decisions/006).
 */
export function openSpawner(host = bundledHost()): Spawner {
  let started = 0;
  let remote: Remote | undefined;
  return {
    start(program) {
      if (++started === FEW) remote = host === undefined ? undefined : openRemote(host);
      return remote?.start(program) ?? startHere(program);
    },
    close: () => remote?.close(),
  };
}

function bundledHost(): string | undefined {
  // Not bundled (unit tests), or no process groups.
  return buildFolder === undefined || process.platform === "win32" ? undefined : join(buildFolder, "spawner.cjs");
}

function startHere({ file, args, cwd, env }: Program): Child {
  return localChild(
    spawn(file, args, { cwd, env, stdio: ["ignore", "pipe", "pipe"], detached: process.platform !== "win32" }),
  );
}

interface Remote {
  /** `undefined` until it has started, and when it is gone. */
  start(program: Program): Child | undefined;
  close(): void;
}

function openRemote(file: string): Remote {
  // Detached: the terminal's Ctrl-C reaches us alone.
  const host = spawn(process.execPath, [file], {
    env: {},
    stdio: ["ignore", "ignore", "ignore", "ipc"],
    serialization: "advanced",
    detached: true,
  });
  const children = new Map<number, RemoteChild>();
  let ready = false;
  let closing = false;
  let last = 0;
  const finish = (id: number): void => {
    children.delete(id);
    if (children.size > 0) return;
    // What waits for a command must not end, and what waits for nothing must.
    host.channel?.unref();
    if (closing && host.connected) host.disconnect();
  };
  const gone = (): void => {
    ready = false;
    for (const [id, child] of children) {
      finish(id);
      if (child.pid !== undefined) killGroup(child.pid, "SIGKILL");
      child.end(null, "SIGKILL");
    }
  };
  host.unref();
  host.channel?.unref();
  host.once("error", gone);
  host.once("disconnect", gone);
  host.on("message", (message: FromSpawner) => {
    if (message.type === "ready") {
      ready = true;
      return;
    }
    const child = children.get(message.id);
    if (child === undefined) return;
    if ("data" in message) {
      child[message.type].emit("data", message.data);
      return;
    }
    if (message.type === "started") {
      child.pid = message.pid;
      return;
    }
    finish(message.id);
    if (message.type === "ended") child.end(message.code, message.signal);
    else child.emit("error", Object.assign(new Error(message.message), { code: message.code, syscall: "spawn" }));
  });
  return {
    start(program) {
      if (!ready || closing) return undefined;
      const id = ++last;
      const child = remoteChild((signal) => {
        if (children.has(id)) send(host, { id, kill: signal });
      });
      if (children.size === 0) host.channel?.ref();
      children.set(id, child);
      send(host, { id, ...program });
      return child;
    },
    close() {
      closing = true;
      if (children.size === 0 && host.connected) host.disconnect();
    },
  };
}

function send(host: ChildProcess, message: ToSpawner): void {
  // An error is a host that has just died: "disconnect" tells.
  host.send(message, () => undefined);
}

interface RemoteChild extends EventEmitter {
  readonly stdout: EventEmitter;
  readonly stderr: EventEmitter;
  pid: number | undefined;
  kill(signal: NodeJS.Signals): void;
  end(code: number | null, signal: NodeJS.Signals | null): void;
}

function remoteChild(kill: (signal: NodeJS.Signals) => void): RemoteChild {
  const [stdout, stderr] = [new EventEmitter(), new EventEmitter()];
  const child: RemoteChild = Object.assign(new EventEmitter(), {
    stdout,
    stderr,
    pid: undefined,
    kill,
    end(code: number | null, signal: NodeJS.Signals | null) {
      stdout.emit("end");
      stderr.emit("end");
      child.emit("exit", code, signal);
      child.emit("close", code, signal);
    },
  });
  return child;
}
