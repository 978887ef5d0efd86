import type { SourcePosition } from "../plan/plan.ts";

/** A text that diagnostics point into: pipeline.yaml, or one command-line option. */
export interface Source {
  /** As shown: `pipeline.yaml`, `--set`. */
  readonly name: string;
  readonly text: string;
}

/** A stretch of a source: UTF-16 offsets, `end` exclusive. */
export interface Place {
  readonly source: Source;
  readonly start: number;
  readonly end: number;
}

/** What is wrong with the configuration, where, and what to write instead. */
export interface Diagnostic {
  /** A warning is told and does not stop anything. */
  readonly severity: "error" | "warning";
  /** kebab-case: `unknown-stage`, `cycle`, `overlapping-outs`, … */
  readonly reason: string;
  readonly message: string;
  readonly remedy: string;
  readonly position: SourcePosition;
  /** How many characters of `sourceLine` the squiggle covers, at least 1. */
  readonly length: number;
  readonly sourceLine: string;
}

/** Collects diagnostics; the same one (reason, place and message) only once. */
export interface Report {
  error(reason: string, place: Place, message: string, remedy: string): void;
  warning(reason: string, place: Place, message: string, remedy: string): void;
  hasErrors(): boolean;
  /** What has an error by now gets no other: what is of the wrong type is of the wrong size, too. */
  closePlaces(): void;
  /** All of them, by position, then by message. */
  sorted(): Diagnostic[];
}

export function createReport(): Report {
  const found = new Map<string, Diagnostic>();
  const closed = new Set<string>();
  let errors = 0;
  const add = (
    severity: Diagnostic["severity"],
    reason: string,
    place: Place,
    message: string,
    remedy: string,
  ): void => {
    const diagnostic = { severity, reason, message, remedy, ...excerpt(place) };
    const { file, line, column } = diagnostic.position;
    const identity = `${file}:${line}:${column} ${reason} ${message}`;
    if (found.has(identity) || closed.has(stretchOf(diagnostic))) return;
    found.set(identity, diagnostic);
    if (severity === "error") errors++;
  };
  return {
    error: (reason, place, message, remedy) => add("error", reason, place, message, remedy),
    warning: (reason, place, message, remedy) => add("warning", reason, place, message, remedy),
    hasErrors: () => errors > 0,
    closePlaces() {
      for (const diagnostic of found.values()) {
        if (diagnostic.severity === "error") closed.add(stretchOf(diagnostic));
      }
    },
    sorted: () => [...found.values()].sort(byPosition),
  };
}

function stretchOf({ position: { file, line, column }, length }: Omit<Diagnostic, "severity">): string {
  return `${file}:${line}:${column}+${length}`;
}

/** 1-based line and column of an offset, as editors count them. */
export function positionOf(place: Place): SourcePosition {
  return excerpt(place).position;
}

/** What a diagnostic shows of a place. */
export function excerpt({ source, start, end }: Place): {
  position: SourcePosition;
  length: number;
  sourceLine: string;
} {
  const { text, name } = source;
  const at = Math.min(start, text.length);
  const lineStart = text.lastIndexOf("\n", at - 1) + 1;
  const newline = text.indexOf("\n", at);
  const lineEnd = newline === -1 ? text.length : newline;
  const line = linesBefore(source, lineStart) + 1;
  const sourceLine = text.slice(lineStart, lineEnd).replace(/\r$/, "");
  // A node may span lines; its squiggle ends with the line, and with the last visible character.
  const visible = text.slice(at, Math.min(end, lineEnd)).trimEnd().length;
  return { position: { file: name, line, column: at - lineStart + 1 }, length: Math.max(1, visible), sourceLine };
}

const newlines = new WeakMap<Source, number[]>();

/** How many lines end before an offset, by bisection: each instance of a plan has a position. */
function linesBefore(source: Source, offset: number): number {
  let ends = newlines.get(source);
  if (ends === undefined) {
    ends = [];
    for (let i = source.text.indexOf("\n"); i !== -1; i = source.text.indexOf("\n", i + 1)) ends.push(i);
    newlines.set(source, ends);
  }
  let [low, high] = [0, ends.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ends[middle]! < offset) low = middle + 1;
    else high = middle;
  }
  return low;
}

export function byPosition(a: Diagnostic, b: Diagnostic): number {
  // What the command line says comes first: it was typed last.
  const rank = (diagnostic: Diagnostic): number => (diagnostic.position.file.startsWith("--") ? 0 : 1);
  return (
    rank(a) - rank(b) ||
    compare(a.position.file, b.position.file) ||
    a.position.line - b.position.line ||
    a.position.column - b.position.column ||
    compare(a.message, b.message)
  );
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
