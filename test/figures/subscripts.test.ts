import { describe, expect, it } from "vitest";
import { textRuns, withSubscripts } from "../../src/figures/subscripts.ts";

describe("subscript letters", () => {
  it("become runs of the letters themselves", () => {
    expect(textRuns("ηₑₒₛ = 2")).toEqual([
      { text: "η", subscript: false },
      { text: "eos", subscript: true },
      { text: " = 2", subscript: false },
    ]);
    expect(textRuns("plain")).toEqual([{ text: "plain", subscript: false }]);
    expect(textRuns("")).toEqual([{ text: "", subscript: false }]);
  });

  it("are lowered and the baseline returns after them", () => {
    const svg = withSubscripts("γᵦ(η)", 10);
    expect(svg).toBe('γ<tspan dy="2" font-size="7px">β</tspan><tspan dy="-2">(η)</tspan>');
  });

  it("leave other text as it is", () => {
    expect(withSubscripts("S(θ) = λ₁", 12)).toBe("S(θ) = λ₁");
  });
});
