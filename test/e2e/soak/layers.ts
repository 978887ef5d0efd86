import { makeWorkspace, type Workspace } from "../../rig/workspace.ts";

/** SOAK=full runs the whole size of these tests, a few minutes; without it a sample runs that keeps `npm test` quick. */
export const full: boolean = process.env.SOAK === "full";

const LAYERS = 5;
const WIDTH = 10;
export const COUNT = LAYERS * WIDTH;

/** 50 stages in five layers; each concatenates two of the layer before and adds its name and a salt, which makes all of them new. */
export function makeLayers(): Workspace {
  const workspace = makeWorkspace();
  const stages = Array.from({ length: COUNT }, (_, index) => {
    const [layer, i] = [Math.floor(index / WIDTH), index % WIDTH];
    const deps = layer === 0 ? "" : `    deps: { a: ${nameOf(layer - 1, i)}.x, b: ${nameOf(layer - 1, i + 1)}.x }\n`;
    const read = layer === 0 ? "" : `cat \${deps.a} \${deps.b} > \${outs.x}; `;
    const command = `${workspace.counting(`\${params.salt} ${nameOf(layer, i)}`)}; ${read}echo ${nameOf(layer, i)} \${params.salt} >> \${outs.x}`;
    return `  ${nameOf(layer, i)}:\n    cmd: ${JSON.stringify(command)}\n${deps}    outs: { x: ${nameOf(layer, i)}.txt }\n`;
  });
  workspace.write("pipeline.yaml", `version: 1\nparams: { salt: 0 }\nstages:\n${stages.join("")}`);
  return workspace;
}

/** What each artifact must hold, by its path. */
export function expectedOf(salt: number): Map<string, string> {
  const texts = new Map<string, string>();
  for (let layer = 0; layer < LAYERS; layer++) {
    for (let i = 0; i < WIDTH; i++) {
      const deps = layer === 0 ? "" : textOf(layer - 1, i) + textOf(layer - 1, i + 1);
      texts.set(`artifacts/${nameOf(layer, i)}.txt`, `${deps}${nameOf(layer, i)} ${salt}\n`);
    }
  }
  return texts;

  function textOf(layer: number, i: number): string {
    return texts.get(`artifacts/${nameOf(layer, i)}.txt`)!;
  }
}

export function artifactsOf(workspace: Workspace): Map<string, string> {
  return new Map(workspace.list("artifacts").map((path) => [path, workspace.read(path)]));
}

function nameOf(layer: number, i: number): string {
  return `s${layer}_${i % WIDTH}`;
}

/** Numbers in [0, 1) that are the same for the same seed: a linear congruential generator (Knuth's MMIX constants). */
export function randomOf(seed: number): () => number {
  let state = BigInt(seed);
  return () => {
    state = (state * 6364136223846793005n + 1442695040888963407n) & 0xffffffffffffffffn;
    return Number(state >> 11n) / 2 ** 53;
  };
}
