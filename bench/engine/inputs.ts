import { spawnSync } from "node:child_process";
import {
  closeSync,
  existsSync,
  ftruncateSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
} from "node:fs";
import { dirname, join, resolve } from "node:path";
import { type Graph, type Node, sourcePath, write } from "./graph.ts";
import { outputOf, placeOf, type Site, timed } from "./measure.ts";
import { pipeline, type Tool } from "./tools.ts";

/** One command that reads one source, declared to a tool. */
function single(base: string, tool: Tool, work: Node["work"]): Site & { readonly node: Node } {
  const folder = mkdtempSync(join(base, `${tool.name}-`));
  const node: Node = {
    name: "n0_0",
    layer: 0,
    inputs: [sourcePath(0)],
    output: "artifacts/n0_0.txt",
    producers: [],
    ...(work === undefined ? {} : { work }),
  };
  const graph: Graph = { layers: 1, width: 1, nodes: [node], sources: new Map() };
  const site = { tool, folder, counter: join(base, `${tool.name}-single.txt`) };
  tool.declare(folder, graph, site.counter);
  return { ...site, node };
}

/** A dep of 1 GiB, which is read once where contents count, and never again while its stat is the same. */
export function largeInput(base: string, tools: readonly Tool[]): readonly string[] {
  const seconds = tools.map((tool) => {
    const site = single(base, tool, (inputs, output) => `head -c 100 ${inputs[0]} > ${output}`);
    const path = join(site.folder, placeOf(tool, sourcePath(0)));
    mkdirSync(dirname(path), { recursive: true });
    const file = openSync(path, "w");
    ftruncateSync(file, 2 ** 30);
    closeSync(file);
    const times = [0, 1].map(() => timed(tool.command, site.folder, tool.env));
    const right = statSync(outputOf(site, site.node), { throwIfNoEntry: false })?.size === 100;
    rmSync(site.folder, { recursive: true });
    return times.map((each) => `${each.toFixed(2)}${right ? "" : " ✗"}`);
  });
  return [
    `| 1 GiB of input (seconds) | ${tools.map(({ name }) => name).join(" | ")} |`,
    `|---|${tools.map(() => "---").join("|")}|`,
    `| first build | ${seconds.map(([cold]) => cold).join(" | ")} |`,
    `| nothing changed | ${seconds.map(([, warm]) => warm).join(" | ")} |`,
  ];
}

/** A command that reads what it does not declare, and that then changes: who notices? */
export function undeclaredInput(base: string, tools: readonly Tool[]): readonly string[] {
  const cells = tools.map((tool): readonly [string, string] => {
    const settings = join(mkdtempSync(join(base, "settings-")), "settings.txt");
    const site = single(base, tool, (_, output) => `cat ${settings} > ${output}`);
    write(site.folder, placeOf(tool, sourcePath(0)), "1\n");
    write(dirname(settings), "settings.txt", "old\n");
    timed(tool.command, site.folder, tool.env);
    write(dirname(settings), "settings.txt", "new\n");
    timed(tool.command, site.folder, tool.env);
    const output = outputOf(site, site.node);
    const is = existsSync(output) ? readFileSync(output, "utf8") : "";
    return [tool.name, is === "new\n" ? "builds anew" : is === "old\n" ? "wrong, silently" : "wrong"];
  });
  cells.splice(1, 0, ["pipeline --trace", ours(base, "cmd", "--trace")], ["pipeline, run:", ours(base, "run")]);
  return [
    `| an undeclared input that changes | ${cells.map(([name]) => name).join(" | ")} |`,
    `|---|${cells.map(() => "---").join("|")}|`,
    `| after the change | ${cells.map(([, what]) => what).join(" | ")} |`,
  ];
}

function ours(base: string, kind: "cmd" | "run", ...options: readonly string[]): string {
  const folder = mkdtempSync(join(base, "undeclared-"));
  write(folder, "settings.txt", "1\n");
  write(folder, "package.json", '{ "type": "module" }');
  const contract = JSON.stringify(resolve("src/stage.ts"));
  write(
    folder,
    "a.ts",
    `import { readFileSync, writeFileSync } from "node:fs";
import { defineStage } from ${contract};
export default defineStage({
  async run(context) {
    writeFileSync(context.out("out"), readFileSync("settings.txt"));
  },
});
`,
  );
  const action = kind === "cmd" ? 'cmd: "cat settings.txt > ${outs.out}"' : "run: a.ts";
  write(folder, "pipeline.yaml", `version: 1\nstages:\n  a: { ${action}, outs: { out: a.txt } }\n`);
  const [program, ...args] = [...pipeline.command, ...options] as [string, ...string[]];
  const { status, stdout } = spawnSync(program, args, { cwd: folder, encoding: "utf8" });
  return status === 1 && stdout.includes("settings.txt") ? "fails, and names it" : `exit code ${status}`;
}
