import { describe, expect, it } from "vitest";
import { claimsArtifact, numberClaim, ruleClaim } from "../../src/figures/claims.ts";

const stated = { id: "a", statement: "It is so.", source: "paper" };

describe("a claim about a number", () => {
  const claim = (ours: number | undefined, tolerance: Parameters<typeof numberClaim>[0]["tolerance"]) =>
    numberClaim({ ...stated, paper: 10, ours, tolerance });

  it("passes up to its tolerance and fails beyond", () => {
    expect(claim(10.5, { absolute: 0.5 }).verdict).toBe("pass");
    expect(claim(10.5000001, { absolute: 0.5 }).verdict).toBe("fail");
    expect(claim(9, { relative: 0.1 })).toMatchObject({ verdict: "pass", rule: "|ours/expected − 1| ≤ 0.1" });
    expect(claim(8.99, { relative: 0.1 }).verdict).toBe("fail");
  });

  it("is relative to the size of a negative number", () => {
    const tolerance = { relative: 0.1 };
    expect(numberClaim({ ...stated, paper: -10, ours: -10.9, tolerance }).verdict).toBe("pass");
    expect(numberClaim({ ...stated, paper: -10, ours: 10, tolerance }).verdict).toBe("fail");
  });

  it("is not testable where nothing was computed, and says so", () => {
    expect(claim(undefined, { absolute: 1 })).toMatchObject({
      verdict: "not-testable",
      paper: 10,
      ours: null,
      note: expect.stringMatching(/does not compute/),
    });
  });

  it("fails on NaN and shows it", () => {
    expect(claim(Number.NaN, { absolute: 1e9 })).toMatchObject({ verdict: "fail", ours: "NaN" });
  });
});

describe("a claim about a shape", () => {
  const rule = { ...stated, paper: "falls", rule: "it falls" };

  it("passes when its rule holds and fails else", () => {
    expect(ruleClaim({ ...rule, ours: "3 2 1", holds: true })).toMatchObject({ verdict: "pass", ours: "3 2 1" });
    expect(ruleClaim({ ...rule, ours: "1 2 3", holds: false }).verdict).toBe("fail");
  });

  it("is not testable where nothing was computed, whatever an empty rule says", () => {
    expect(ruleClaim({ ...rule, ours: undefined, holds: true }).verdict).toBe("not-testable");
  });
});

describe("a claims artifact", () => {
  it("refuses two claims of one id", () => {
    const claim = ruleClaim({ ...stated, paper: null, ours: "yes", rule: "yes", holds: true });
    const artifact = { figure: "fig01", title: "t", provenance: {}, claims: [claim, claim] };
    expect(() => claimsArtifact(artifact)).toThrow('fig01 has two claims "a"');
  });
});
