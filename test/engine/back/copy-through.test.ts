import { closeSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { describe, expect, it, onTestFinished } from "vitest";
import { copyThrough } from "../../../src/engine/cache/copy-through.ts";
import { makeWorkspace } from "../../rig/workspace.ts";

/** Two open files, one with so many bytes in it. */
function files(size: number, flags = "wx"): { bytes: Buffer; from: number; to: number; copied: () => Buffer } {
  const { path } = makeWorkspace();
  const bytes = Buffer.from(Uint32Array.from({ length: Math.ceil(size / 4) }, (_, i) => i * 2654435761).buffer);
  const whole = bytes.subarray(0, size);
  writeFileSync(path("from"), whole);
  if (flags === "r") writeFileSync(path("to"), "");
  const [from, to] = [openSync(path("from"), "r"), openSync(path("to"), flags)];
  onTestFinished(() => [from, to].forEach(closeSync));
  return { bytes: whole, from, to, copied: () => readFileSync(path("to")) };
}

describe("copying with a look", () => {
  const chunk = 1 << 19;
  for (const size of [0, 1, chunk / 2 - 1, chunk / 2, chunk - 1, chunk, chunk + 1, 3 * chunk + 77]) {
    it(`shows and writes all ${size} bytes, in order`, async () => {
      const { bytes, from, to, copied } = files(size);
      const seen: Buffer[] = [];
      await copyThrough(from, to, (piece) => void seen.push(Buffer.from(piece)));
      expect(Buffer.concat(seen).equals(bytes)).toBe(true);
      expect(copied().equals(bytes)).toBe(true);
    });
  }

  it("fails with what a write fails with", async () => {
    const { from, to } = files(5 * chunk, "r");
    await expect(copyThrough(from, to, () => undefined)).rejects.toMatchObject({ code: "EBADF" });
  });

  it("has no write under way any more when it fails: the file may be closed", async () => {
    const { bytes, from, to, copied } = files(3 * chunk);
    let seen = 0;
    const copying = copyThrough(from, to, (piece) => {
      seen += piece.length;
      if (seen > chunk) throw new Error("enough");
    });
    await expect(copying).rejects.toThrow("enough");
    expect(copied().equals(bytes.subarray(0, chunk))).toBe(true);
  });
});
