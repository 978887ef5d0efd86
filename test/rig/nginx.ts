import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";

export interface Nginx {
  readonly url: string;
  readonly folder: string;
  /** `GET /study/ac/… 404`, a line for each request. */
  log(): string[];
}

/** Where nginx is, or `undefined`: Debian has it in /usr/sbin. */
export function findNginx(): string | undefined {
  const path = `${process.env.PATH ?? ""}:/usr/sbin:/usr/local/sbin`;
  try {
    return execFileSync("sh", ["-c", "command -v nginx"], { env: { PATH: path }, encoding: "utf8" }).trim();
  } catch {
    return undefined;
  }
}

/** An nginx of the test's own, as docs/remote-cache.md sets one up: a token writes and reads, without one nothing does. */
export async function startNginx(program: string, token: string): Promise<Nginx> {
  const folder = mkdtempSync(join(tmpdir(), "pipeline-nginx-"));
  mkdirSync(join(folder, "cache"));
  const port = await freePort();
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (kind) => `${kind}_temp_path ${folder}/${kind};`,
  );
  writeFileSync(
    join(folder, "nginx.conf"),
    `daemon off; master_process off; pid ${folder}/pid; error_log ${folder}/error.log;
events {}
http {
  log_format plain '$request_method $uri $status';
  access_log ${folder}/access.log plain;
  ${temporary.join(" ")}
  server {
    listen 127.0.0.1:${port};
    root ${folder}/cache;
    client_max_body_size 0;
    location /study/ {
      if ($http_authorization != "Bearer ${token}") { return 401; }
      dav_methods PUT;
      create_full_put_path on;
    }
  }
}
`,
  );
  const child: ChildProcess = spawn(
    program,
    ["-p", folder, "-e", `${folder}/error.log`, "-c", `${folder}/nginx.conf`],
    {
      stdio: "inherit",
    },
  );
  const ended = new Promise<void>((done) => child.once("exit", () => done()));
  onTestFinished(async () => {
    child.kill("SIGTERM");
    await ended;
    rmSync(folder, { recursive: true, force: true });
  });
  await Promise.race([
    listening(port),
    ended.then(() => Promise.reject(new Error(`nginx ended:\n${readFileSync(join(folder, "error.log"), "utf8")}`))),
  ]);
  return {
    url: `http://127.0.0.1:${port}/study`,
    folder: join(folder, "cache"),
    log: () => readFileSync(join(folder, "access.log"), "utf8").split("\n").slice(0, -1),
  };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address() as AddressInfo;
  await new Promise((done) => server.close(done));
  return port;
}

async function listening(port: number): Promise<void> {
  const tried = await new Promise<boolean>((done) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.destroy();
      done(true);
    });
    socket.once("error", () => setTimeout(() => done(false), 20));
  });
  if (!tried) await listening(port);
}
