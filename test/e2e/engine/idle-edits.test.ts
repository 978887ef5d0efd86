import { renameSync, symlinkSync } from "node:fs";
import fc from "fast-check";
import { expect, it } from "vitest";
import { makeWorkspace, type Workspace } from "../../rig/workspace.ts";
import { runNoting, writeSecretly } from "./noting.ts";

const OUTS = ["first", "second", "both"] as const;

/** What decides the outs. */
interface State {
  readonly files: Record<string, string>;
  value: string;
  variable: string;
  /** On the command line, before the value of pipeline.yaml. */
  set: string | undefined;
}

const KINDS = [
  ...["file", "secretly", "swap", "add", "remove", "rename", "value", "variable", "set", "visit"],
  ...["delete", "overwrite", "link", "exchange", "memos", "touch"],
] as const;

interface Edit {
  readonly kind: (typeof KINDS)[number];
  readonly which: number;
  readonly value: string;
  /** How often it is run then: the second time may find nothing to do, the third may know it beforehand. */
  readonly runs: number;
}

function expected({ files, value, variable, set }: State): Record<(typeof OUTS)[number], string> {
  const first = `${set ?? value}\n${files["in/a.txt"]}`;
  const more = Object.keys(files).filter((path) => /^more\/.*\.txt$/.test(path));
  const second = `${variable}\n${more
    .sort()
    .map((path) => `${path} ${files[path]}`)
    .join("")}`;
  return { first, second, both: first + second };
}

function declare({ value }: State): string {
  return `version: 1
params: { value: "${value}" }
stages:
  first: { cmd: "echo \${params.value} > \${outs.x}; cat \${deps.a} >> \${outs.x}", deps: { a: { files: in/a.txt } }, outs: { x: first.txt } }
  second: { cmd: "echo $VARIABLE > \${outs.x}; for f in \${deps.more}; do echo -n \\"$f \\"; cat $f; done >> \${outs.x}", env: [VARIABLE], deps: { more: { files: "more/*.txt" } }, outs: { x: second.txt } }
  both: { cmd: "cat \${deps.first} \${deps.second} > \${outs.x}", deps: { first: first.x, second: second.x }, outs: { x: both.txt } }
`;
}

async function apply(workspace: Workspace, state: State, { kind, which, value }: Edit): Promise<void> {
  const { files } = state;
  const names = Object.keys(files).filter((path) => path.startsWith("more/"));
  const name = names[which % names.length]!;
  const artifact = `artifacts/${OUTS[which % OUTS.length]}.txt`;
  const write = (path: string): void => {
    files[path] = `${value}\n`;
    workspace.write(path, files[path]);
  };
  switch (kind) {
    case "file":
      return write(which % 2 === 0 ? "in/a.txt" : name);
    case "secretly":
      files["in/a.txt"] = `${value}\n`;
      return writeSecretly(workspace.path("in/a.txt"), files["in/a.txt"]);
    case "swap":
      [files["in/a.txt"], files["in/b.txt"]] = [files["in/b.txt"]!, files["in/a.txt"]!];
      renameSync(workspace.path("in/a.txt"), workspace.path("in/c.txt"));
      renameSync(workspace.path("in/b.txt"), workspace.path("in/a.txt"));
      return renameSync(workspace.path("in/c.txt"), workspace.path("in/b.txt"));
    case "add":
      return write(`more/${which}.txt`);
    case "remove":
      if (names.length === 1) return;
      delete files[name];
      return workspace.remove(name);
    case "rename":
      files["more/renamed.txt"] = files[name]!;
      if (name !== "more/renamed.txt") delete files[name];
      return renameSync(workspace.path(name), workspace.path("more/renamed.txt"));
    case "value":
      state.value = value;
      return workspace.write("pipeline.yaml", declare(state));
    case "variable":
      state.variable = value;
      return;
    case "set":
      state.set = which % 2 === 0 ? undefined : value;
      return;
    case "visit":
      // Another one's results are put in the outs' places, and may be what is there already.
      return void (await workspace.runWith({ env: { VARIABLE: value } }, "run", "--set", `value=${value}`));
    case "delete":
      return workspace.remove(artifact);
    case "overwrite":
      return workspace.exists(artifact) ? writeSecretly(workspace.path(artifact), `${value}\n${value}\n`) : undefined;
    case "link":
      workspace.remove(artifact);
      return symlinkSync("../in/a.txt", workspace.path(artifact));
    case "exchange":
      renameSync(workspace.path("artifacts/first.txt"), workspace.path("first.txt"));
      renameSync(workspace.path("artifacts/second.txt"), workspace.path("artifacts/first.txt"));
      return renameSync(workspace.path("first.txt"), workspace.path("artifacts/second.txt"));
    case "memos":
      return workspace.remove(".pipeline/index");
    case "touch":
      return workspace.write(name, files[name]!);
    default:
      return kind satisfies never;
  }
}

it("under any edits, idle runs that are told again leave the outs of a clean build", { timeout: 600_000 }, async () => {
  const edit: fc.Arbitrary<Edit> = fc.record({
    kind: fc.constantFrom(...KINDS),
    which: fc.nat(5),
    value: fc.constantFrom("a", "b", "c"),
    runs: fc.integer({ min: 1, max: 3 }),
  });
  let repeated = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(edit, { minLength: 4, maxLength: 7 }), async (edits) => {
      const workspace = makeWorkspace();
      const files = { "in/a.txt": "a\n", "in/b.txt": "b\n", "more/0.txt": "c\n" };
      const state: State = { files, value: "a", variable: "a", set: undefined };
      for (const [path, text] of Object.entries(files)) workspace.write(path, text);
      workspace.write("pipeline.yaml", declare(state));
      for (const next of [undefined, ...edits]) {
        if (next !== undefined) await apply(workspace, state, next);
        const args = state.set === undefined ? [] : ["--set", `value=${state.set}`];
        for (let runs = 0; runs < (next?.runs ?? 3); runs++) {
          const { code, stderr, isRepeated } = await runNoting(
            workspace,
            { env: { VARIABLE: state.variable } },
            ...args,
          );
          expect(code, stderr).toBe(0);
          if (isRepeated) repeated++;
          const outs = OUTS.map((name) => [name, workspace.read(`artifacts/${name}.txt`)]);
          expect(Object.fromEntries(outs), JSON.stringify({ next, runs, isRepeated })).toEqual(expected(state));
        }
      }
    }),
    { numRuns: 6, endOnFailure: true },
  );
  expect(repeated).toBeGreaterThan(6);
});
