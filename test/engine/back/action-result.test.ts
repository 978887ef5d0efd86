import { describe, expect, it } from "vitest";
import type { Digest } from "../../../src/engine/plan/plan.ts";
import { encodeActionResult, recordIn } from "../../../src/engine/remote/action-result.ts";
import { createBreaker } from "../../../src/engine/remote/breaker.ts";

describe("an ActionResult", () => {
  it("has the bytes that the protocol's definition gives", () => {
    const digest = "ab".repeat(32) as Digest;
    const message = encodeActionResult("{}", [{ path: "o", digest, bytes: 300, executable: true }]);
    // By hand: output_files (2) { path (1) "o", digest (2) { hash (1), size_bytes (2) 300 }, is_executable (4) },
    // stdout_raw (5) "{}", execution_metadata (9) { worker (1) }.
    const file = `0a016f1245${`0a40${Buffer.from(digest).toString("hex")}`}10ac022001`;
    const worker = `4a12${`0a10${Buffer.from("gd-instabilities").toString("hex")}`}`;
    expect(message.toString("hex")).toBe(`124c${file}2a027b7d${worker}`);
    expect(recordIn(message)).toBe("{}");
  });

  it("is read whatever else a server has added, in whatever order, and a record as it is has none", () => {
    const message = encodeActionResult("the record", []);
    const added = Buffer.concat([
      Buffer.from([0x20, 0x07, 0x7d, 1, 2, 3, 4, 0x79, 1, 2, 3, 4, 5, 6, 7, 8]),
      message,
      Buffer.from([0x42, 1, 65]),
    ]);
    expect(recordIn(added)).toBe("the record");
    expect(recordIn(message.subarray(0, 5))).toBeUndefined();
    expect(recordIn(Buffer.from('{"format":1}'))).toBeUndefined();
    expect(recordIn(Buffer.alloc(0))).toBeUndefined();
  });
});

describe("the circuit breaker", () => {
  it("opens after four failures in a row, lets one probe through, and closes when that succeeds", () => {
    let now = 0;
    const breaker = createBreaker(() => now);
    expect([1, 2, 3].map(() => breaker.failed())).toEqual([false, false, false]);
    breaker.succeeded();
    expect([1, 2, 3, 4].map(() => breaker.failed())).toEqual([false, false, false, true]);
    expect(breaker.allows()).toBe(false);
    // What was under way then changes nothing.
    expect(breaker.failed()).toBe(false);
    now = 30_000;
    expect([breaker.allows(), breaker.allows()]).toEqual([true, false]);
    expect(breaker.failed()).toBe(false);
    now = 60_000;
    expect(breaker.allows()).toBe(false);
    now = 90_000;
    expect(breaker.allows()).toBe(true);
    breaker.succeeded();
    expect([breaker.allows(), breaker.allows()]).toEqual([true, true]);
  });
});
