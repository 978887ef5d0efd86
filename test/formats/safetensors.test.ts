import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readSafetensorsHeader, readTensor, writeSafetensors } from "../../src/formats/safetensors.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "safetensors-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

const tensors = {
  bytes: { dtype: "u8", shape: [3], data: Uint8Array.of(1, 2, 255) },
  theta: { dtype: "f32", shape: [3, 2], data: Float32Array.of(1, -2, 0.5, 4, 5, 6) },
  epochs: { dtype: "i32", shape: [2], data: Int32Array.of(-1, 70_000) },
  values: { dtype: "f64", shape: [], data: Float64Array.of(Math.PI) },
  none: { dtype: "f32", shape: [0, 4], data: new Float32Array(0) },
} as const;

/** A file with this header text and these data bytes, whatever they say. */
function craft(name: string, header: unknown, dataBytes: number): string {
  const text = Buffer.from(typeof header === "string" ? header : JSON.stringify(header));
  const lead = Buffer.alloc(8);
  lead.writeBigUInt64LE(BigInt(text.length));
  const path = join(folder, name);
  writeFileSync(path, Buffer.concat([lead, text, Buffer.alloc(dataBytes)]));
  return path;
}

describe("writing and reading", () => {
  it("returns what was written, whole and by rows", () => {
    const path = join(folder, "a.safetensors");
    writeSafetensors(path, tensors, { name: "test", b: "ü" });
    const header = readSafetensorsHeader(path);
    expect(header).toMatchObject({ metadata: { name: "test", b: "ü" } });
    for (const [name, { dtype, shape, data }] of Object.entries(tensors))
      expect(readTensor(path, name)).toEqual({ dtype, shape, data });
    expect(readTensor(path, "theta", { rows: [1, 3] })).toEqual({
      dtype: "f32",
      shape: [2, 2],
      data: Float32Array.of(0.5, 4, 5, 6),
    });
    expect(readTensor(path, "theta", { rows: [1, 1] })).toMatchObject({ shape: [0, 2] });
  });

  it("gives the same bytes for any order of tensors and metadata, and for data in parts", () => {
    const [one, two] = [join(folder, "one"), join(folder, "two")];
    writeSafetensors(one, tensors, { a: "1", b: "2" });
    const reversed = Object.fromEntries(Object.entries(tensors).reverse());
    const parts = {
      dtype: "f32",
      shape: [3, 2],
      data: [Float32Array.of(1, -2), Float32Array.of(0.5, 4, 5, 6)],
    } as const;
    writeSafetensors(two, { ...reversed, theta: parts }, { b: "2", a: "1" });
    expect(readFileSync(two).equals(readFileSync(one))).toBe(true);
  });

  it("is laid out as the format says: aligned data, little-endian, wide types first", () => {
    const path = join(folder, "layout");
    writeSafetensors(path, { b: tensors.bytes, a: { dtype: "f32", shape: [1], data: Float32Array.of(1) } });
    const bytes = readFileSync(path);
    const length = Number(bytes.readBigUInt64LE(0));
    expect(length % 8).toBe(0);
    expect(JSON.parse(bytes.subarray(8, 8 + length).toString())).toEqual({
      a: { dtype: "F32", shape: [1], data_offsets: [0, 4] },
      b: { dtype: "U8", shape: [3], data_offsets: [4, 7] },
    });
    expect([...bytes.subarray(8 + length)]).toEqual([0, 0, 0x80, 0x3f, 1, 2, 255]);
  });

  it("refuses data that do not fit their shape or type: a bug of the caller", () => {
    const path = join(folder, "bug");
    expect(() => writeSafetensors(path, { x: { dtype: "f32", shape: [3], data: new Float32Array(2) } })).toThrow(
      /needs 3/,
    );
    expect(() => writeSafetensors(path, { x: { dtype: "f64", shape: [2], data: new Float32Array(2) } })).toThrow(/f64/);
  });
});

describe("broken files are refused by name", () => {
  const entry = (dtype: string, shape: number[], from: number, to: number) => ({
    dtype,
    shape,
    data_offsets: [from, to],
  });

  it.each([
    ["truncated-data", { x: entry("F32", [4], 0, 16) }, 15, "safetensors-truncated"],
    ["trailing", { x: entry("F32", [4], 0, 16) }, 17, "safetensors-trailing-bytes"],
    ["overlap", { x: entry("F32", [4], 0, 16), y: entry("F32", [4], 8, 24) }, 24, "safetensors-overlap"],
    ["hole", { x: entry("F32", [4], 0, 16), y: entry("F32", [4], 20, 36) }, 36, "safetensors-overlap"],
    ["shape", { x: entry("F32", [5], 0, 16) }, 16, "safetensors-bad-header"],
    ["type", { x: entry("BF16", [8], 0, 16) }, 16, "safetensors-bad-header"],
    ["negative", { x: entry("F32", [-4], 0, 16) }, 16, "safetensors-bad-header"],
    ["metadata", { __metadata__: { a: 1 } }, 0, "safetensors-bad-header"],
    ["not-json", "<html>", 0, "safetensors-bad-header"],
    ["list", [], 0, "safetensors-bad-header"],
  ])("%s", (name, header, dataBytes, reason) => {
    const path = craft(name, header, dataBytes);
    const failure = readSafetensorsHeader(path);
    expect(failure).toMatchObject({ reason });
    expect("message" in failure && failure.message).toContain(path);
    expect(readTensor(path, "x")).toMatchObject({ reason });
  });

  it("a file cut anywhere is never read as whole", () => {
    const path = join(folder, "whole");
    writeSafetensors(path, tensors);
    const bytes = readFileSync(path);
    const cut = join(folder, "cut");
    for (let length = 0; length < bytes.length; length++) {
      writeFileSync(cut, bytes.subarray(0, length));
      expect(readSafetensorsHeader(cut)).toMatchObject({ reason: "safetensors-truncated" });
    }
  });

  it("a text file, a missing file, a missing tensor, missing rows, another type", () => {
    const path = join(folder, "text");
    writeFileSync(path, "<!doctype html><title>Sign in</title>");
    expect(readSafetensorsHeader(path)).toMatchObject({ reason: "safetensors-bad-header" });
    expect(readSafetensorsHeader(join(folder, "absent"))).toMatchObject({ reason: "safetensors-unreadable" });
    const good = join(folder, "good");
    writeSafetensors(good, tensors);
    expect(readTensor(good, "thete")).toMatchObject({ reason: "safetensors-missing-tensor" });
    expect(readTensor(good, "theta", { rows: [2, 4] })).toMatchObject({ reason: "safetensors-missing-rows" });
    expect(readTensor(good, "theta", { dtype: "f64" })).toMatchObject({ reason: "safetensors-wrong-dtype" });
  });
});
