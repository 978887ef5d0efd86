import { existsSync, mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { commandOf, type Graph, type Node, write } from "./graph.ts";

/** A build tool under test: how the graph is declared to it, and how it is asked to build everything on two cores. */
export interface Tool {
  readonly name: string;
  /** Starts that take so long that only the small graph is asked of it. */
  readonly slow?: boolean;
  declare(folder: string, graph: Graph, counter: string): void;
  readonly command: readonly string[];
  /** What has to be done by hand after a kill, before it builds again. */
  readonly recover?: readonly string[];
  /** What tells its version. */
  readonly version?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Where an output of the graph lies, when not where the graph says. */
  readonly output?: (node: Node) => string;
  /** Where a source of the graph lies, when not where the graph says. */
  readonly source?: (path: string) => string;
}

const plain = (node: Node, counter: string): string => commandOf(node, node.inputs, node.output, counter);

export const pipeline: Tool = {
  name: "pipeline",
  declare(folder, graph, counter) {
    const stages = graph.nodes.map((node) => {
      const names = node.inputs.map((_, i) => `i${i}`);
      const deps = node.inputs.map((path, i) =>
        node.layer === 0 ? `i${i}: { files: ${path} }` : `i${i}: ${node.producers[i]}.out`,
      );
      const command = commandOf(
        node,
        names.map((name) => `\${deps.${name}}`),
        `\${outs.out}`,
        counter,
      );
      return `  ${node.name}:\n    cmd: ${JSON.stringify(command)}\n    deps: { ${deps.join(", ")} }\n    outs: { out: ${node.output.slice("artifacts/".length)} }\n`;
    });
    write(folder, "pipeline.yaml", `version: 1\nstages:\n${stages.join("")}`);
  },
  command: [process.execPath, join(process.cwd(), "bin", "pipeline.js"), "run", "-j", "2"],
};

const ninja: Tool = {
  name: "ninja",
  declare(folder, graph, counter) {
    const edges = graph.nodes.map(
      (node) =>
        `rule ${node.name}\n  command = ${plain(node, counter).replaceAll("$", "$$")}\nbuild ${node.output}: ${node.name} ${node.inputs.join(" ")}\n`,
    );
    write(folder, "build.ninja", edges.join(""));
  },
  command: ["ninja", "-j", "2"],
  version: ["ninja", "--version"],
};

const make: Tool = {
  name: "make",
  declare(folder, graph, counter) {
    mkdirSync(join(folder, "artifacts"), { recursive: true });
    const all = `.PHONY: all\nall: ${graph.nodes.map(({ output }) => output).join(" ")}\n`;
    const rules = graph.nodes.map(
      (node) => `${node.output}: ${node.inputs.join(" ")}\n\t@${plain(node, counter).replaceAll("$", "$$$$")}\n`,
    );
    write(folder, "Makefile", all + rules.join(""));
  },
  command: ["make", "-j", "2"],
  version: ["make", "--version"],
};

function turbo(packages: string): Tool {
  const output = ({ name }: Node): string => `packages/${name}/out/${name}.txt`;
  return {
    name: "turbo",
    slow: true,
    declare(folder, graph, counter) {
      write(
        folder,
        "package.json",
        JSON.stringify({ name: "bench", private: true, workspaces: ["packages/*"], packageManager: "npm@10.0.0" }),
      );
      write(
        folder,
        "turbo.json",
        JSON.stringify({ tasks: { build: { dependsOn: ["^build"], inputs: ["*.txt"], outputs: ["out/**"] } } }),
      );
      const lock: Record<string, unknown> = { "": { name: "bench", workspaces: ["packages/*"] } };
      for (const node of graph.nodes) {
        const inputs =
          node.layer === 0
            ? node.inputs.map((path) => path.replace("src/", ""))
            : node.producers.map((name) => `../${name}/out/${name}.txt`);
        const dependencies = Object.fromEntries(node.producers.map((name) => [name, "*"]));
        const manifest = { name: node.name, version: "1.0.0", dependencies };
        write(
          folder,
          `packages/${node.name}/package.json`,
          JSON.stringify({
            ...manifest,
            scripts: { build: `mkdir -p out && ${commandOf(node, inputs, `out/${node.name}.txt`, counter)}` },
          }),
        );
        lock[`packages/${node.name}`] = manifest;
        lock[`node_modules/${node.name}`] = { resolved: `packages/${node.name}`, link: true };
      }
      write(
        folder,
        "package-lock.json",
        JSON.stringify({ name: "bench", lockfileVersion: 3, requires: true, packages: lock }),
      );
      mkdirSync(join(folder, "node_modules"), { recursive: true });
    },
    command: [join(packages, ".bin", "turbo"), "run", "build", "--concurrency=2", "--output-logs=errors-only"],
    version: [join(packages, ".bin", "turbo"), "--version"],
    env: { TURBO_TELEMETRY_DISABLED: "1", DO_NOT_TRACK: "1", TURBO_NO_UPDATE_NOTIFIER: "1" },
    output,
    // A package's own folder is all that turbo looks at.
    source: (path) => path.replace(/^src\/s(\d+)/, "packages/n0_$1/s$1"),
  };
}

function wireit(packages: string): Tool {
  return {
    name: "wireit",
    slow: true,
    declare(folder, graph, counter) {
      const scripts: Record<string, string> = { all: "wireit" };
      const entries: Record<string, unknown> = { all: { dependencies: graph.nodes.map(({ name }) => name) } };
      for (const node of graph.nodes) {
        scripts[node.name] = "wireit";
        entries[node.name] = {
          command: `mkdir -p artifacts && ${plain(node, counter)}`,
          files: node.layer === 0 ? node.inputs : [],
          dependencies: node.producers,
          output: [node.output],
        };
      }
      write(folder, "package.json", JSON.stringify({ name: "bench", private: true, scripts, wireit: entries }));
      if (!existsSync(join(folder, "node_modules"))) symlinkSync(packages, join(folder, "node_modules"));
    },
    command: ["npm", "run", "--silent", "all"],
    version: ["node", "-p", `require(${JSON.stringify(join(packages, "wireit", "package.json"))}).version`],
    env: { WIREIT_PARALLEL: "2", WIREIT_LOGGER: "quiet-ci" },
  };
}

function doit(program: string): Tool {
  return {
    name: "doit",
    declare(folder, graph, counter) {
      const tasks = graph.nodes.map((node) =>
        JSON.stringify({
          name: node.name,
          actions: [`mkdir -p artifacts && ${plain(node, counter)}`],
          file_dep: node.inputs,
          targets: [node.output],
        }),
      );
      write(folder, "dodo.py", `def task_all():\n${tasks.map((task) => `    yield ${task}\n`).join("")}`);
    },
    version: [program, "--version"],
    command: [program, "-n", "2", "-P", "thread", "-v", "0"],
  };
}

function snakemake(program: string): Tool {
  return {
    name: "snakemake",
    slow: true,
    declare(folder, graph, counter) {
      const rules = graph.nodes.map(
        (node) =>
          `rule ${node.name}:\n    input: ${node.inputs.map((path) => JSON.stringify(path)).join(", ")}\n    output: ${JSON.stringify(node.output)}\n    shell: ${JSON.stringify(plain(node, counter).replaceAll("{", "{{").replaceAll("}", "}}"))}\n`,
      );
      const all = `rule all:\n    input: ${graph.nodes.map(({ output }) => JSON.stringify(output)).join(", ")}\n`;
      write(folder, "Snakefile", all + rules.join(""));
    },
    version: [program, "--version"],
    command: [program, "-j", "2", "--quiet", "all", "--rerun-incomplete"],
    recover: [program, "--unlock"],
    env: { PYTHONDONTWRITEBYTECODE: "1" },
  };
}

export interface Installed {
  /** A node_modules folder with turbo and wireit. */
  readonly packages: string;
  /** Where a program of Python's is. */
  program(name: string): string;
}

export function allTools({ packages, program }: Installed): Tool[] {
  return [
    pipeline,
    ninja,
    make,
    doit(program("doit")),
    turbo(packages),
    wireit(packages),
    snakemake(program("snakemake")),
  ];
}
