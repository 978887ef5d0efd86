import { enumerate } from "../system/suggest.ts";
import { byPosition, type Diagnostic, excerpt } from "./diagnostic.ts";

/** What there is to tell of a pipeline.yaml when only these `--set` are laid over its params. */
type DiagnosticsWith = (set: readonly string[]) => Promise<readonly Diagnostic[]>;

/**
 * Tells each mistake once, with how many places it touches: one wrong value is read in many of them, and so is one name
 * that is not there any more. What a `--set` brings is told at that `--set`; the rest at the first of its places.
 */
export async function gather(
  diagnostics: readonly Diagnostic[],
  set: readonly string[],
  diagnosticsWith: DiagnosticsWith,
): Promise<Diagnostic[]> {
  const bringers = await bringersOf(diagnostics, set, diagnosticsWith);
  const groups = new Map<string, Diagnostic[]>();
  for (const [index, diagnostic] of diagnostics.entries()) {
    const { severity, reason } = diagnostic;
    const bringer = bringers.get(identityOf(diagnostic));
    const isItsOwn = severity === "warning" || reason === "yaml-syntax"; // A slip of the pen is made where it stands.
    const root = bringer === undefined ? (isItsOwn ? index : saidOf(diagnostic)) : { bringer };
    const key = JSON.stringify([reason, root]);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [diagnostic]);
    else group.push(diagnostic);
  }
  return [...groups.values()]
    .map((group) => {
      const bringer = bringers.get(identityOf(group[0]!));
      return bringer === undefined ? atFirst(group) : atSet(group, set[bringer]!);
    })
    .sort(byPosition);
}

/** By identity, which `--set` an error came with: the first after which it is there. None for what is wrong without them. */
async function bringersOf(
  diagnostics: readonly Diagnostic[],
  set: readonly string[],
  diagnosticsWith: DiagnosticsWith,
): Promise<ReadonlyMap<string, number>> {
  const errors = diagnostics.filter(
    ({ severity, position }) => severity === "error" && !position.file.startsWith("--"),
  );
  let open = new Set(errors.map(identityOf));
  const bringers = new Map<string, number>();
  for (let count = 0; count < set.length && open.size > 0; count++) {
    const found = new Set((await diagnosticsWith(set.slice(0, count))).map(identityOf));
    if (count > 0) for (const identity of open) if (found.has(identity)) bringers.set(identity, count - 1);
    open = new Set([...open].filter((identity) => !found.has(identity)));
  }
  for (const identity of open) if (set.length > 0) bringers.set(identity, set.length - 1);
  return bringers;
}

function identityOf({ reason, message, position: { file, line, column } }: Diagnostic): string {
  return `${file}:${line}:${column} ${reason} ${message}`;
}

/** The same said of the same: of what expressions stand for, else of what is written there. */
function saidOf({ message, remedy, sourceLine, position, length }: Diagnostic): readonly string[] {
  const written = sourceLine.slice(position.column - 1, position.column - 1 + length);
  return [message, remedy, ...(written.match(/\$\{[^}]*\}/g) ?? [written])];
}

function atFirst(group: readonly Diagnostic[]): Diagnostic {
  const [first, ...others] = group as readonly [Diagnostic, ...Diagnostic[]];
  if (others.length === 0) return first;
  return { ...first, message: `${first.message}, here and at ${placesOf(others)}` };
}

function atSet(group: readonly Diagnostic[], argument: string): Diagnostic {
  const [first, ...others] = group as readonly [Diagnostic, ...Diagnostic[]];
  const { file, line, column } = first.position;
  const source = { name: "--set", text: argument };
  const more = others.length === 0 ? "" : `, and the like at ${placesOf(others)}`;
  return {
    ...first,
    message: `${first.message} (${file}:${line}:${column})${more}`,
    ...excerpt({ source, start: argument.indexOf("=") + 1, end: argument.length }),
  };
}

function placesOf(others: readonly Diagnostic[]): string {
  const lines = [...new Set(others.map(({ position }) => String(position.line)))];
  const where = `${lines.length === 1 ? "line" : "lines"} ${enumerate(lines)}`;
  return `${others.length === 1 ? "another place" : `${others.length} other places`} (${where})`;
}
