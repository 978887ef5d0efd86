import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { type CacheServer, type Fault, startCacheServer } from "../../rig/cache-server.ts";
import { blobOn, openClient, resultHere } from "../../rig/remote-client.ts";
import { makeWorkspace } from "../../rig/workspace.ts";

const CONTENT = "0.5\n".repeat(1000);
const FOR_ME = { PIPELINE_REMOTE_TOKEN: "t0ken-4711" };

function paths({ seen }: CacheServer): string[] {
  return seen.map(({ method, path, status }) => `${method} ${path.split("/")[0]} ${status}`);
}

describe("a server that asks for time", () => {
  it("is asked again when it has said, in seconds or as a date, and is not given up for it", async () => {
    const server = await startCacheServer();
    const { remote, warnings } = openClient(server.url);
    const blobs = Array.from({ length: 8 }, (_, index) => blobOn(server, `${index}`));
    const begun = Date.now();
    server.fault = ({ nth }) => (nth === 0 ? { status: 429, headers: { "Retry-After": "1" } } : undefined);
    // Eight times 429 at once: more in a row than what else counts as a server that is down.
    expect(await Promise.all(blobs.map(remote.fetch))).toEqual(blobs.map(() => "here"));
    expect(server.seen).toHaveLength(16);
    expect(Date.now() - begun).toBeGreaterThanOrEqual(1000);
    expect(warnings).toEqual([]);

    // A date has whole seconds, so this is one to two seconds from now.
    server.reset();
    const date = new Date(Date.now() + 2000);
    server.fault = ({ nth }) =>
      nth === 0 ? { status: 503, headers: { "Retry-After": date.toUTCString() } } : undefined;
    const other = blobOn(server, "other");
    expect(await remote.fetch(other)).toBe("here");
    expect(Date.now()).toBeGreaterThanOrEqual(Math.floor(date.getTime() / 1000) * 1000);
    expect(paths(server)).toEqual(["GET cas 503", "GET cas 200"]);
  });

  it("is not waited for where it asks for more than half a minute", async () => {
    const server = await startCacheServer();
    const { remote, warnings } = openClient(server.url);
    server.fault = () => ({ status: 503, headers: { "Retry-After": "3600" } });
    expect(await remote.fetch(blobOn(server, CONTENT))).toBe("unknown");
    expect(server.seen).toHaveLength(1);
    expect(warnings).toEqual([
      `the remote cache ${server.url} has left a request without an answer: it answers 503; the run goes on without it`,
    ]);
  });
});

describe("a redirect", () => {
  it("on the same server is followed as who we are; to another, without a token and with what its address says", async () => {
    const [server, store] = [await startCacheServer(), await startCacheServer()];
    const { remote } = openClient(server.url, FOR_ME);
    const near = blobOn(server, "near");
    const here = `cas/${near.digest}`;
    server.entries.set(`cas/${"0".repeat(64)}`, Buffer.from("near"));
    server.fault = ({ path }) => {
      if (path.endsWith("000")) return undefined;
      const near = `/study/cas/${"0".repeat(64)}`;
      return { status: 307, headers: { Location: path === here ? near : `${store.url}/${path}?X-Signature=4f` } };
    };
    expect(await remote.fetch(near)).toBe("here");
    expect(server.seen.map(({ authorization }) => authorization)).toEqual(["Bearer t0ken-4711", "Bearer t0ken-4711"]);

    server.reset();
    const far = blobOn(store, CONTENT);
    expect(await remote.fetch(far)).toBe("here");
    expect(paths(store)).toEqual(["GET cas 200"]);
    expect(store.seen[0]).toMatchObject({ authorization: undefined, query: "X-Signature=4f" });
  });

  it("leads a PUT, too, and a HEAD; what is signed for one method and refused for another says nothing of the cache", async () => {
    const store = await startCacheServer();
    const leading = (path: string) => ({ status: 307, headers: { Location: `${store.url}/${path}?sig=1` } });
    const server = await startCacheServer({ expectation: ({ url = "" }) => leading(url.replace("/study/", "")) });
    const client = openClient(server.url, FOR_ME);
    const large = "x".repeat(3 << 20);
    server.fault = ({ path }) => leading(path);
    store.fault = ({ method }) => (method === "HEAD" ? { status: 403 } : undefined);
    const result = resultHere(client, large);
    expect(await client.remote.send(result)).toBe(true);
    // The body went where it was wanted, once: the first server was asked before it was sent.
    expect(server.seen.filter(({ method }) => method === "PUT").map(({ bytes }) => bytes)).toEqual([
      0,
      store.entries.get(`ac/${result.key}`)!.length,
    ]);
    expect(store.count("PUT", "cas")).toBe(1);
    expect(store.count("HEAD", "cas")).toBe(4);
    expect([...store.entries.keys()].map((path) => path.split("/")[0])).toEqual(["cas", "ac"]);
    expect(store.seen.every(({ authorization }) => authorization === undefined)).toBe(true);
    expect(client.warnings).toHaveLength(1);
    expect(client.warnings[0]).toContain(`it leads to ${new URL(store.url).origin}, which answers 403`);
  });

  it("in a circle ends", async () => {
    const server = await startCacheServer();
    const { remote, warnings } = openClient(server.url);
    server.fault = ({ path }) => ({ status: 302, headers: { Location: `/study/${path}` } });
    expect(await remote.fetch(blobOn(server, CONTENT))).toBe("unknown");
    expect(server.seen).toHaveLength(5);
    expect(warnings[0]).toContain("refuses to be read (302)");
  });
});

describe("a body", () => {
  it("may be compressed unasked, in chunks, or end with its connection", async () => {
    const server = await startCacheServer();
    for (const fault of ["gzip", "chunked", "endless"] as const satisfies readonly Fault[]) {
      server.reset();
      const { remote, cas, warnings } = openClient(server.url);
      server.fault = () => fault;
      const blob = blobOn(server, CONTENT);
      expect(await remote.fetch(blob), fault).toBe("here");
      expect(cas.read(blob.digest).toString()).toBe(CONTENT);
      expect(server.seen, fault).toHaveLength(1);
      expect(warnings).toEqual([]);
    }
  });

  it("that lacks its end is asked for again, whoever has cut it", async () => {
    const server = await startCacheServer();
    const { remote } = openClient(server.url);
    server.fault = ({ nth }) => (nth === 0 ? "endless-cut" : undefined);
    expect(await remote.fetch(blobOn(server, CONTENT))).toBe("here");
    expect(server.seen).toHaveLength(2);
    // Always cut, it counts as other bytes, and the server is not given up.
    server.reset();
    server.fault = ({ path }) => (path.startsWith("cas/") ? "endless-cut" : undefined);
    expect(await remote.fetch(blobOn(server, `${CONTENT}1`))).toBe("corrupted");
    expect(server.seen).toHaveLength(4);
    server.fault = () => undefined;
    expect(await remote.fetch(blobOn(server, `${CONTENT}2`))).toBe("here");
  });

  it("of 1 MB is sent after the server has said that it wants it, or knows no Expect, or says nothing", async () => {
    let answer: { readonly status: number } | undefined;
    let asked = 0;
    const server = await startCacheServer({
      expectation: () => {
        asked++;
        return answer;
      },
    });
    const large = (kind: string): string => kind.repeat(2 << 20);
    const client = openClient(server.url);
    expect(await client.remote.send(resultHere(client, large("a")))).toBe(true);
    expect(asked).toBe(1);
    // Refused before a byte of it was sent.
    server.reset();
    answer = { status: 413 };
    expect(await client.remote.send(resultHere(client, large("b")))).toBe(false);
    expect(server.seen.at(-1)).toMatchObject({ method: "PUT", status: 413, bytes: 0 });
    expect(client.warnings).toEqual([
      `the remote cache ${server.url} does not take blobs that large (413): such results are not sent`,
    ]);
    answer = { status: 417 };
    asked = 0;
    const both = ["c", "d"].map((kind) => client.remote.send(resultHere(client, large(kind))));
    expect(await Promise.all(both)).toEqual([true, true]);
    expect(await client.remote.send(resultHere(client, large("e")))).toBe(true);
    // It is not asked that again.
    expect(asked).toBe(2);
  });
});

describe("credentials", () => {
  it("are a token, else a login, else what the URL has", async () => {
    const server = await startCacheServer();
    const url = server.url.replace("//", "//url:1@");
    const basic = (login: string): string => `Basic ${Buffer.from(login).toString("base64")}`;
    for (const [environment, only] of [
      [{ PIPELINE_REMOTE_TOKEN: "t", PIPELINE_REMOTE_LOGIN: "env:2" }, "Bearer t"],
      [{ PIPELINE_REMOTE_LOGIN: "env:2" }, basic("env:2")],
      [{}, basic("url:1")],
    ] as const) {
      server.only = only;
      expect(await openClient(url, environment).remote.fetch(blobOn(server, CONTENT))).toBe("here");
    }
    expect(server.seen.map(({ status }) => status)).toEqual([200, 200, 200]);
  });
});

describe("connections", () => {
  it("are kept open, and are sixteen at most", async () => {
    const server = await startCacheServer();
    server.latency = 5;
    const { remote } = openClient(server.url);
    const blobs = Array.from({ length: 200 }, (_, index) => blobOn(server, `${index}`));
    await Promise.all(blobs.map(remote.fetch));
    expect(server.seen).toHaveLength(200);
    expect(server.together).toBeGreaterThan(8);
    expect(server.together).toBeLessThanOrEqual(16);
    expect(server.connections).toBeLessThanOrEqual(16);
  });

  it("that the server has closed in the meantime cost a request and no attempt", async () => {
    const server = await startCacheServer();
    const { remote, warnings } = openClient(server.url);
    expect(await remote.fetch(blobOn(server, "first"))).toBe("here");
    // Each connection breaks when it is used for the second time: five in a row would be an end.
    server.fault = ({ nth }) => (nth < 1 ? "breaks-off" : undefined);
    expect(await remote.fetch(blobOn(server, "second"))).toBe("here");
    expect(server.seen).toHaveLength(3);
    expect(warnings).toEqual([]);
  });
});

describe("HTTPS", () => {
  it("takes the certificates of a private authority that NODE_EXTRA_CA_CERTS names, and no others", async () => {
    const { ca, key, cert } = makeCertificates();
    const server = await startCacheServer({ tls: { key, cert } });
    server.only = "Bearer t0ken-4711";
    const workspace = makeWorkspace({
      "pipeline.yaml": 'version: 1\nstages:\n  one: { cmd: "seq 9 > ${outs.o}", outs: { o: one.txt } }\n',
      "ca.pem": ca,
    });
    const env = { PIPELINE_REMOTE_CACHE: server.url, ...FOR_ME };
    const refused = await workspace.runWith({ env }, "run", "--json");
    expect(refused.summary).toMatchObject({ ran: 1, failed: 0, remote: { resultsSent: 0 } });
    expect(refused.events.filter(({ type }) => type === "warning")).toEqual([
      {
        type: "warning",
        message: `the remote cache ${server.url} cannot be used: its certificate is of an authority that is unknown here (NODE_EXTRA_CA_CERTS may name the file of one); the run goes on without it`,
      },
    ]);
    // A certificate does not get better: one attempt, and nothing was sent on it.
    expect(refused.summary!.remote!.requests).toBe(1);
    expect(server.seen).toEqual([]);
    const trusting = { ...env, NODE_EXTRA_CA_CERTS: workspace.path("ca.pem") };
    const sent = await workspace.runWith({ env: trusting }, "run", "--json", "--force");
    expect(sent.summary).toMatchObject({ ran: 1, remote: { resultsSent: 1 } });
    // Nor does a redirect lead to where anybody on the way could say what a result is.
    const plain = await startCacheServer();
    server.fault = ({ path }) => ({ status: 307, headers: { Location: `${plain.url}/${path}` } });
    workspace.remove(".pipeline");
    const led = await workspace.runWith({ env: trusting }, "run", "--json");
    expect(led.stdout).toContain("it leads from https to http; the run goes on without it");
    expect(led.summary).toMatchObject({ ran: 1, failed: 0 });
    expect(plain.seen).toEqual([]);
  });
});

/** An authority, and a certificate of 127.0.0.1 that it has signed; made with openssl, as an institute makes them. */
function makeCertificates(): { readonly ca: string; readonly key: string; readonly cert: string } {
  const folder = mkdtempSync(join(tmpdir(), "pipeline-ca-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const openssl = (...args: string[]): void => void execFileSync("openssl", args, { cwd: folder, stdio: "pipe" });
  const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  openssl("req", "-x509", ...curve, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=Institute CA");
  openssl(
    ...["req", "-x509", ...curve, "-keyout", "own.key", "-out", "own.pem", "-days", "2", "-subj", "/CN=cache"],
    ...["-CA", "ca.pem", "-CAkey", "ca.key", "-addext", "subjectAltName=IP:127.0.0.1"],
  );
  const read = (file: string): string => readFileSync(join(folder, file), "utf8");
  return { ca: read("ca.pem"), key: read("own.key"), cert: read("own.pem") };
}
