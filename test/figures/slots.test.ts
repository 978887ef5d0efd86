import { describe, expect, it } from "vitest";
import { fillSlots } from "../../src/figures/slots.ts";

describe("slots", () => {
  it("are filled wherever they are, with values of any kind, and the spec stays as it was", () => {
    const spec = { title: { slot: "title" }, layer: [{ domain: { slot: "domain" } }, { text: { slot: "title" } }] };
    expect(fillSlots(spec, { title: "T", domain: [1, 2] })).toEqual({
      title: "T",
      layer: [{ domain: [1, 2] }, { text: "T" }],
    });
    expect(spec.title).toEqual({ slot: "title" });
  });

  it("leave other objects with a property of that name alone", () => {
    const spec = { a: { slot: 3 }, b: { slot: "x", more: true } };
    expect(fillSlots(spec, {})).toEqual(spec);
  });

  it("are all filled, and nothing is given that has none", () => {
    expect(() => fillSlots({ title: { slot: "title" } }, {})).toThrow(/not filled: title/);
    expect(() => fillSlots({ title: "fixed" }, { title: "T" })).toThrow(/no slot for: title/);
  });
});
