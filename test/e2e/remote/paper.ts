import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { makeWorkspace, repository, stageModule, type Workspace } from "../../rig/workspace.ts";

/** A paper in small, under git: trainings, a figure in two formats with a claim, and one that depends on nothing else. */
export function makePaper(): Workspace {
  const paper = makeWorkspace({
    "package.json": '{ "type": "module", "sideEffects": false }',
    ".gitignore": "artifacts/\n.pipeline/\ncomment/\nrun.jsonl\n",
    "pipeline.yaml": PAPER,
    "src/colour.ts": COLOUR,
    "stages/figure.ts": stageModule(
      `const { eta, colour } = context.params as { eta: number; colour: number };
    const loss = Number(readFileSync(context.dep("loss").path, "utf8"));
    writeFileSync(context.out("svg"), "<svg xmlns='http://www.w3.org/2000/svg'><text>" + loss + "</text></svg>");
    writeFileSync(context.out("png"), encodePng(pixels(colour, loss), 16, 16));
    writeFileSync(context.out("claims"), JSON.stringify({ figure: "fig01", title: "Losses", claims: [
      { id: "small", statement: "The loss is <small> | @everyone", source: "paper", paper: 3, ours: loss, rule: "ours < 5",
        verdict: loss < 5 ? "pass" : "fail" },
      { id: "eta", statement: "There is a learning rate", source: "paper", paper: null, ours: 1, rule: "always", verdict: "pass" },
    ] }));`,
      `import { encodePng } from ${JSON.stringify(join(repository, "src/formats/png.ts"))};
import { pixels } from "../src/colour.ts";`,
    ),
  });
  git(paper.root, "init", "--quiet", "--initial-branch=main");
  return paper;
}

/** With the counter's text of `workspace`. */
export const PAPER = `version: 1
params: { eta: 2, colour: 40 }
stages:
  train:
    cmd: "echo \${params.eta} > \${outs.loss}; echo trained"
    outs: { loss: loss.txt }
  fig01:
    run: stages/figure.ts
    params: { eta: "\${params.eta}", colour: "\${params.colour}" }
    deps: { loss: train.loss }
    outs: { svg: figures/fig01.svg, png: figures/fig01.png, claims: claims/fig01.json }
  fig02:
    cmd: "echo '<svg xmlns=\\"http://www.w3.org/2000/svg\\"/>' > \${outs.svg}"
    outs: { svg: figures/fig02.svg }
`;

const COLOUR = `export function pixels(colour: number, loss: number): Uint8Array {
  return new Uint8Array(16 * 16 * 3).map((_, i) => (Math.floor(i / 48) < loss ? colour : 255));
}
`;

export function git(folder: string, ...words: readonly string[]): string {
  const identity = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"];
  return execFileSync("git", ["-C", folder, ...identity, ...words], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
  }).trim();
}

export function commit(folder: string, message: string): string {
  git(folder, "add", "--all");
  git(folder, "commit", "--quiet", "--message", message);
  return git(folder, "rev-parse", "HEAD");
}

/** A clean clone of what is committed, on a branch of its own; `main` is where it began. */
export function cloneOf(paper: Workspace): Workspace {
  const clone = makeWorkspace();
  git(clone.root, "init", "--quiet", "--initial-branch=main");
  git(clone.root, "pull", "--quiet", paper.root, "main");
  git(clone.root, "checkout", "--quiet", "-b", "change");
  return clone;
}
