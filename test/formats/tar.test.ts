import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readTar, type TarFailure, type TarMember } from "../../src/formats/tar.ts";

const FILES: Readonly<Record<string, Uint8Array>> = {
  "d/empty": new Uint8Array(0),
  "d/block": Uint8Array.from({ length: 512 }, (_, i) => i % 251),
  "d/odd": Uint8Array.from({ length: 1_300 }, (_, i) => (i * 7) % 256),
};
const WANTED = new Map(Object.entries(FILES).map(([name, { length }]) => [name, length]));

let folder: string;
const archives = new Map<string, Uint8Array>();
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "tar-"));
  mkdirSync(join(folder, "d"));
  for (const [name, content] of Object.entries(FILES)) writeFileSync(join(folder, name), content);
  // The system's own tar is the independent writer.
  for (const format of ["ustar", "gnu", "posix"]) {
    const file = join(folder, `${format}.tar`);
    execFileSync("tar", ["-C", folder, `--format=${format}`, "-cf", file, "d"]);
    archives.set(format, readFileSync(file));
  }
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function* inPieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function read(
  bytes: Uint8Array,
  { wanted = WANTED, piece = 10_000 }: { readonly wanted?: ReadonlyMap<string, number>; readonly piece?: number } = {},
): Promise<(TarMember | TarFailure)[]> {
  const values: (TarMember | TarFailure)[] = [];
  for await (const value of readTar(inPieces(bytes, piece), wanted)) values.push(value);
  return values;
}

const contents = (values: readonly (TarMember | TarFailure)[]): Record<string, Uint8Array> =>
  Object.fromEntries(
    values.map((value) => ("reason" in value ? ["failure", new Uint8Array()] : [value.name, value.content])),
  );

describe("tar archives", () => {
  it.each(["ustar", "gnu", "posix"])("of the %s format give the files that went in", async (format) => {
    expect(contents(await read(archives.get(format)!))).toEqual(FILES);
  });

  it("do not depend on the pieces in which they arrive", async () => {
    const archive = archives.get("ustar")!;
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 3_000 }), async (piece) => {
        expect(contents(await read(archive, { piece }))).toEqual(FILES);
      }),
      { numRuns: 20 },
    );
  });

  it("cut anywhere within the files never read as whole", async () => {
    const archive = archives.get("ustar")!;
    // Up to the last file's content; what follows is the end mark and padding.
    const end = archive.length - [...archive].reverse().findIndex((byte) => byte !== 0);
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: end - 1 }), async (length) => {
        const values = await read(archive.subarray(0, length));
        const files = values.filter((value) => !("reason" in value));
        expect(files.length).toBeLessThan(3);
        // At a boundary a cut archive is a shorter archive; within one it is a failure.
        if (length % 512 !== 0) expect(values.at(-1)).toMatchObject({ reason: "tar-truncated" });
      }),
      { numRuns: 50 },
    );
  });

  it("pass over what is not wanted, and refuse a wanted file that is too large before taking memory for it", async () => {
    const archive = archives.get("ustar")!;
    expect(contents(await read(archive, { wanted: new Map([["d/odd", 1_300]]) }))).toEqual({ "d/odd": FILES["d/odd"] });
    const small = await read(archive, { wanted: new Map([["d/odd", 1_299]]) });
    expect(small).toEqual([{ reason: "tar-too-large", message: "d/odd has 1300 bytes, expected 1299" }]);
  });

  it("with a flipped bit in a header, and what is no archive at all, are told from archives", async () => {
    const damaged = archives.get("ustar")!.slice();
    damaged[3]! ^= 1;
    const none = { reason: "tar-not-tar", message: "there is no tar header at byte 0" };
    expect(await read(damaged)).toEqual([none]);
    expect(await read(new TextEncoder().encode("<html>".repeat(200)))).toEqual([none]);
    expect(await read(new Uint8Array(0))).toEqual([]);
  });
});
