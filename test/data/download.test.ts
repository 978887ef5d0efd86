import { randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { download } from "../../src/data/download.ts";

const body = randomBytes(300_000);
let folder: string;
let target: string;
let close: () => Promise<void> = async () => {};

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "download-"));
  target = join(folder, "cache", "file.gz");
});
afterEach(async () => {
  await close();
  rmSync(folder, { recursive: true, force: true });
});

/** Serves with the handlers in turn, the last one for good; returns the URL and the requests' range headers. */
async function serve(...handlers: readonly ((request: IncomingMessage, response: ServerResponse) => void)[]) {
  const ranges: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    const handler = handlers[Math.min(ranges.length, handlers.length - 1)];
    ranges.push(request.headers.range);
    handler?.(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  close = () =>
    new Promise((resolve) => {
      server.closeAllConnections();
      server.close(() => resolve());
    });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/file.gz`, ranges };
}

function whole(request: IncomingMessage, response: ServerResponse): void {
  const start = Number(/bytes=(\d+)-/.exec(request.headers.range ?? "")?.[1] ?? 0);
  if (start > body.length) response.writeHead(416).end();
  else response.writeHead(start > 0 ? 206 : 200, { "content-length": body.length - start }).end(body.subarray(start));
}

/** Sends `bytes`, then resets the connection. */
function broken(bytes: number) {
  return (_: IncomingMessage, response: ServerResponse): void => {
    response.writeHead(200, { "content-length": body.length });
    response.write(body.subarray(0, bytes), () => response.destroy());
  };
}

describe("a download", () => {
  it("arrives by rename, with progress up to the whole", async () => {
    const { url } = await serve(whole);
    const seen: [number, number | undefined][] = [];
    const outcome = await download({ urls: [url], target, remedy: "", onProgress: (...of) => seen.push(of) });
    expect(outcome).toBe("done");
    expect(readFileSync(target).equals(body)).toBe(true);
    expect(seen.at(-1)).toEqual([body.length, body.length]);
    expect(readdirSync(join(folder, "cache"))).toEqual(["file.gz"]);
  });

  it("continues after a reset where it stopped, with growing waits", async () => {
    const { url, ranges } = await serve(broken(100_000), (_, response) => response.writeHead(503).end(), whole);
    const waits: number[] = [];
    const outcome = await download({ urls: [url], target, remedy: "", wait: async (ms) => void waits.push(ms) });
    expect(outcome).toBe("done");
    expect(readFileSync(target).equals(body)).toBe(true);
    expect(waits).toEqual([500, 1000]);
    expect(ranges[0]).toBeUndefined();
    // How much of the broken answer arrived is the network's affair; what arrived is not asked for again.
    expect(ranges[2]).toBe(ranges[1]);
  });

  it("continues the part that an earlier process left", async () => {
    const { url, ranges } = await serve(whole);
    await download({ urls: [url], target, remedy: "" });
    rmSync(target);
    writeFileSync(`${target}.part`, body.subarray(0, 1234));
    expect(await download({ urls: [url], target, remedy: "" })).toBe("done");
    expect(ranges[1]).toBe("bytes=1234-");
    expect(readFileSync(target).equals(body)).toBe(true);
  });

  it("begins again when the part that was left does not fit", async () => {
    const { url } = await serve(whole);
    await download({ urls: [url], target, remedy: "" });
    writeFileSync(`${target}.part`, randomBytes(body.length + 1));
    expect(await download({ urls: [url], target, remedy: "", wait: async () => {} })).toBe("done");
    expect(readFileSync(target).equals(body)).toBe(true);
  });

  it("begins again when the server ignores ranges", async () => {
    const { url } = await serve((_, response) => response.writeHead(200, { "content-length": body.length }).end(body));
    await download({ urls: [url], target, remedy: "" });
    writeFileSync(`${target}.part`, body.subarray(0, 1234));
    expect(await download({ urls: [url], target, remedy: "" })).toBe("done");
    expect(readFileSync(target).equals(body)).toBe(true);
  });

  it("goes on to the next place, and names all that failed and why", async () => {
    const { url } = await serve((request, response) => {
      if (request.url === "/gone/file.gz") response.writeHead(404).end();
      else response.writeHead(200, { "content-type": "text/html" }).end("<html>login</html>");
    });
    const gone = url.replace("/file.gz", "/gone/file.gz");
    const outcome = await download({ urls: [gone, url], target, remedy: "use a mirror", wait: async () => {} });
    expect(outcome).toMatchObject({ reason: "data-unreachable", remedy: "use a mirror" });
    expect(outcome).toHaveProperty("message", expect.stringMatching(/gone\/file\.gz: HTTP 404 Not Found\n.*web page/));
    expect(readdirSync(join(folder, "cache"))).toEqual([]);
  });

  it("gives up on a dead host after its attempts", async () => {
    const { url } = await serve(whole);
    await close();
    let waits = 0;
    const outcome = await download({ urls: [url], target, remedy: "", attempts: 3, wait: async () => void waits++ });
    expect(outcome).toMatchObject({ reason: "data-unreachable", message: expect.stringMatching(/ECONNREFUSED/) });
    expect(waits).toBe(2);
  });

  it("says so when its folder cannot be written", async () => {
    writeFileSync(join(folder, "cache"), "a file where the folder should be");
    const outcome = await download({ urls: ["http://127.0.0.1:9/x"], target, remedy: "" });
    expect(outcome).toMatchObject({ reason: "data-cache-unwritable", remedy: expect.stringMatching(/XDG_CACHE_HOME/) });
  });
});
