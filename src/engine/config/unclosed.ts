import { type Document, isCollection, isScalar, type Node, visit } from "yaml";

/** A bracket or a quote that nothing closes, or another bracket does. */
export interface Unclosed {
  readonly start: number;
  /** `{`, `[`, `"` or `'`. */
  readonly opening: string;
  readonly closing: string;
  /** Where the parser gave up waiting: the end of what it took to be inside. */
  readonly end: number;
  /** The bracket that stands where its own should. */
  readonly instead: string | undefined;
}

const CLOSING: Readonly<Record<string, string>> = { "{": "}", "[": "]", '"': '"', "'": "'" };

/**
 * What is left open in a document that was parsed with its source tokens. The parser itself tells only where it noticed,
 * which is the next line that is not deeper, or the end of the file.
 */
export function unclosedIn(document: Document.Parsed): readonly Unclosed[] {
  const found: Unclosed[] = [];
  visit(document, {
    Node(_key, node: Node) {
      const unclosed = isCollection(node) || isScalar(node) ? openAt(node) : undefined;
      if (unclosed !== undefined) found.push(unclosed);
    },
  });
  // A bracket around a quote that swallowed its end, or around one that took its own closing bracket, is none of its own.
  const isTheirs = (outer: Unclosed): boolean =>
    found.some(
      (inner) =>
        inner.start > outer.start &&
        inner.start < outer.end &&
        (inner.instead !== undefined || inner.opening === inner.closing),
    );
  return found.filter((candidate) => !isTheirs(candidate)).sort((a, b) => a.start - b.start);
}

function openAt({ srcToken: token, range }: Node): Unclosed | undefined {
  if (token === undefined || range == null) return undefined;
  const [start, end] = range;
  switch (token.type) {
    case "flow-collection": {
      const opening = token.start.source;
      const closing = CLOSING[opening]!;
      const closer = token.end.find(({ type }) => type === "flow-map-end" || type === "flow-seq-end")?.source;
      if (closer === closing) return undefined;
      return { start: token.start.offset, opening, closing, end, instead: closer };
    }
    case "single-quoted-scalar":
    case "double-quoted-scalar": {
      const quote = token.source[0]!;
      if (token.source.length > 1 && token.source.endsWith(quote)) return undefined;
      return { start, opening: quote, closing: quote, end, instead: undefined };
    }
    default:
      return undefined;
  }
}
