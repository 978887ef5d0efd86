import fc from "fast-check";
import { expect, it } from "vitest";
import { createThinned } from "../../src/numerics/thinned.ts";

it("keeps evenly spaced values from the first on, more than half of the capacity once it was full", () => {
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 12 }), fc.integer({ min: 1, max: 300 }), (capacity, count) => {
      const thinned = createThinned<number>(capacity);
      for (let i = 0; i < count; i++) thinned.add(i);
      const kept = thinned.values();
      const stride = kept[1] ?? 1;
      expect(kept).toEqual(kept.map((_, i) => i * stride));
      expect(kept.length).toBeLessThanOrEqual(capacity);
      // The last one kept is the last that the stride allows.
      expect(count - 1 - kept.at(-1)!).toBeLessThan(stride);
      if (count <= capacity) expect(kept.length).toBe(count);
      else expect(kept.length).toBeGreaterThan(capacity / 2);
    }),
  );
});

it("goes on from its state as if it had never stopped", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 2, max: 12 }),
      fc.integer({ min: 0, max: 200 }),
      fc.integer({ min: 0, max: 200 }),
      (capacity, first, rest) => {
        const [whole, begun] = [createThinned<number>(capacity), createThinned<number>(capacity)];
        for (let i = 0; i < first + rest; i++) whole.add(i);
        for (let i = 0; i < first; i++) begun.add(i);
        const resumed = createThinned<number>(capacity, begun.state());
        for (let i = first; i < first + rest; i++) resumed.add(i);
        expect(resumed.state()).toEqual(whole.state());
      },
    ),
  );
});
