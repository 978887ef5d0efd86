import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** One command of the graph: it reads `inputs` and writes `output`, both workspace-relative. */
export interface Node {
  readonly name: string;
  readonly layer: number;
  readonly inputs: readonly string[];
  readonly output: string;
  /** Names of the nodes that make the inputs; none in layer 0, which reads sources. */
  readonly producers: readonly string[];
  /** Shell text that makes the output, where it is not the graph's own. */
  readonly work?: (inputs: readonly string[], output: string) => string;
}

export interface Graph {
  readonly layers: number;
  readonly width: number;
  readonly nodes: readonly Node[];
  /** Path → text. */
  readonly sources: ReadonlyMap<string, string>;
}

/**
 * `layers` × `width` small commands: layer 0 strips the comments of one source each, every later node takes the checksum of
 * two neighbours of the layer before. So one source reaches 1 + 2 + … + `layers` nodes (while `layers` ≤ `width`), and an
 * edit of comments reaches one and changes no byte.
 */
export function makeGraph(layers: number, width: number): Graph {
  const nodes: Node[] = [];
  for (let layer = 0; layer < layers; layer++) {
    for (let i = 0; i < width; i++) {
      const producers = layer === 0 ? [] : [`n${layer - 1}_${i}`, `n${layer - 1}_${(i + 1) % width}`];
      nodes.push({
        name: `n${layer}_${i}`,
        layer,
        inputs: layer === 0 ? [sourcePath(i)] : producers.map(outputPath),
        output: outputPath(`n${layer}_${i}`),
        producers,
      });
    }
  }
  const sources = new Map(Array.from({ length: width }, (_, i) => [sourcePath(i), `# source ${i}\nvalue ${i}\n`]));
  return { layers, width, nodes, sources };
}

export function sourcePath(i: number): string {
  return `src/s${i}.txt`;
}

export function outputPath(name: string): string {
  return `artifacts/${name}.txt`;
}

/** Shell text of a node, given how it names its inputs and its output; each execution leaves its name in `counter`. */
export function commandOf(node: Node, inputs: readonly string[], output: string, counter: string): string {
  const work =
    node.work !== undefined
      ? node.work(inputs, output)
      : node.layer === 0
        ? `sed '/^#/d' ${inputs[0]} > ${output}`
        : `cat ${inputs.join(" ")} | cksum > ${output}`;
  return `echo ${node.name} >> ${counter} && ${work}`;
}

export function writeSources(folder: string, graph: Graph): void {
  for (const [path, text] of graph.sources) write(folder, path, text);
}

export function write(folder: string, path: string, text: string): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), text);
}

/** What every output must hold, computed here and not by any of the tools. */
export function expectedOutputs(graph: Graph, sources: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  const texts = new Map(sources);
  for (const node of graph.nodes) {
    const inputs = node.inputs.map((path) => texts.get(path) ?? "");
    const stripped = inputs[0]!.replace(/^#.*\n/gm, "");
    texts.set(node.output, node.layer === 0 ? stripped : cksum(Buffer.from(inputs.join(""))));
  }
  return new Map(graph.nodes.map(({ output }) => [output, texts.get(output)!]));
}

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 24;
  for (let bit = 0; bit < 8; bit++) crc = crc & 0x80000000 ? (crc << 1) ^ 0x04c11db7 : crc << 1;
  return crc >>> 0;
});

/** POSIX `cksum` of standard input: the CRC of the bytes and then of their number, least significant byte first. */
function cksum(bytes: Uint8Array): string {
  let crc = 0;
  const feed = (byte: number): void => {
    crc = ((crc << 8) ^ TABLE[(crc >>> 24) ^ byte]!) >>> 0;
  };
  for (const byte of bytes) feed(byte);
  for (let length = bytes.length; length > 0; length = Math.floor(length / 256)) feed(length & 255);
  return `${~crc >>> 0} ${bytes.length}\n`;
}
