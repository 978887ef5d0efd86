import { makeWorkspace, stageModule, type Workspace } from "../../rig/workspace.ts";

/**
 * A study in small: data → train (one instance per η) → spectrum → a table. Two stages share a module that has a function
 * for each.
 */
export function makeStudy(): Workspace {
  return makeWorkspace({
    "package.json": '{ "type": "module", "sideEffects": false }',
    "pipeline.yaml": STUDY,
    "input/images.txt": "3\n1\n2\n",
    "src/shared.ts": SHARED,
    "stages/train.ts": stageModule(
      `const { eta } = context.params as { eta: number };
    const numbers = readFileSync(context.dep("data").path, "utf8").trim().split("\\n").map(Number);
    writeFileSync(context.out("run"), JSON.stringify({ loss: train(numbers, eta) }));`,
      'import { train } from "../src/shared.ts";',
    ),
    "stages/spectrum.ts": stageModule(
      `const { loss } = JSON.parse(readFileSync(context.dep("run").path, "utf8"));
    writeFileSync(context.out("values"), JSON.stringify(spectrum(loss)));`,
      'import { spectrum } from "../src/shared.ts";',
    ),
  });
}

export const STUDY = `version: 1
params: { etas: [0.5, 0.25] }
stages:
  data:
    cmd: "sort -n \${deps.images} > \${outs.data}"
    deps: { images: { files: input/images.txt } }
    outs: { data: data.txt }
  train:
    run: stages/train.ts
    matrix: { eta: "\${params.etas}" }
    params: { eta: "\${eta}" }
    deps: { data: data.data }
    outs: { run: "runs/\${eta}.json" }
  spectrum:
    run: stages/spectrum.ts
    matrix: { of: train }
    deps: { run: train.run }
    outs: { values: "spectra/\${eta}.json" }
  table:
    cmd: "cat \${deps.values} > \${outs.table}"
    deps: { values: spectrum.values }
    outs: { table: table.txt }
`;

export const SHARED = `export const STEPS = 3;
export const SCALE = 10;
export const train = (numbers: readonly number[], eta: number): number => numbers.reduce((sum, x) => sum + x * eta, 0) * STEPS;
export const spectrum = (loss: number): readonly number[] => [loss * SCALE, 0];
`;

/** The instances with an event of this type, in order. */
export function named(
  events: readonly { readonly type: string; readonly instance?: string }[],
  type: string,
): string[] {
  return events
    .filter((event) => event.type === type)
    .map((event) => event.instance ?? "")
    .sort();
}
