import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type DagNode, layoutDag, NODE_HEIGHT } from "../../src/report/dag.ts";

/** Any graph without cycles: each node reads from some of those before it. */
const graphs = fc
  .array(fc.tuple(fc.integer({ min: 40, max: 200 }), fc.array(fc.nat())), { maxLength: 14 })
  .map((rows) =>
    rows.map(
      ([width, picks], index): DagNode => ({
        name: `n${index}`,
        width,
        from: index === 0 ? [] : picks.slice(0, 4).map((pick) => `n${pick % index}`),
      }),
    ),
  );

function reachable(edges: readonly { readonly from: string; readonly to: string }[]): Set<string> {
  const pairs = new Set<string>();
  const visit = (start: string, node: string): void => {
    for (const { from, to } of edges) {
      if (from !== node || pairs.has(`${start}>${to}`)) continue;
      pairs.add(`${start}>${to}`);
      visit(start, to);
    }
  };
  for (const { from } of edges) visit(from, from);
  return pairs;
}

describe("layout of the graph", () => {
  it("shows every node once, inside the drawing, and none over another", () => {
    fc.assert(
      fc.property(graphs, (graph) => {
        const { nodes, width, height } = layoutDag(graph);
        expect(nodes.map(({ name }) => name).sort()).toEqual(graph.map(({ name }) => name).sort());
        for (const [index, a] of nodes.entries()) {
          expect(a.x).toBeGreaterThanOrEqual(0);
          expect(a.y).toBeGreaterThanOrEqual(0);
          expect(a.x + a.width).toBeLessThanOrEqual(width);
          expect(a.y + NODE_HEIGHT).toBeLessThanOrEqual(height);
          for (const b of nodes.slice(index + 1)) {
            const apart = a.x + a.width < b.x || b.x + b.width < a.x || Math.abs(a.y - b.y) >= NODE_HEIGHT;
            expect(apart, `${a.name} and ${b.name}`).toBe(true);
          }
        }
      }),
    );
  });

  it("leads edges from left to right, and leaves out just those that others imply", () => {
    fc.assert(
      fc.property(graphs, (graph) => {
        const { edges } = layoutDag(graph);
        const all = graph.flatMap(({ name, from }) =>
          [...new Set(from)].map((producer) => ({ from: producer, to: name })),
        );
        expect(reachable(edges)).toEqual(reachable(all));
        for (const edge of edges) {
          expect(reachable(edges.filter((other) => other !== edge))).not.toEqual(reachable(edges));
          const xs = edge.points.map(([x]) => x);
          expect(xs).toEqual([...xs].sort((a, b) => a - b));
        }
      }),
    );
  });

  it("ignores producers that it was not given", () => {
    const { nodes, edges } = layoutDag([{ name: "a", from: ["elsewhere"], width: 50 }]);
    expect([nodes.length, edges.length]).toEqual([1, 0]);
  });
});
