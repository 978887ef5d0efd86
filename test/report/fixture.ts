import { renderFigure } from "../../src/figures/render.ts";
import type { ClaimsFile } from "../../src/report/claims.ts";
import type { FigureEntry, InstanceEntry, ReportData, StageEntry } from "../../src/report/data.ts";
import type { Json } from "../../src/stage.ts";
import { figure1Data } from "../../stages/figures/fig01.ts";
import fig01 from "../../stages/figures/fig01.vl.json" with { type: "json" };
import { figure2Data } from "../../stages/figures/fig02.ts";
import fig02 from "../../stages/figures/fig02.vl.json" with { type: "json" };
import { syntheticTables } from "../figures/synthetic.ts";
import { dlnTable } from "../figures/tables.ts";

/** Text that is markup wherever somebody forgot to escape. */
export const HOSTILE = `<img src=x onerror="alert('1')">&amp;</script><!-- "`;

export const CLAIMS: ClaimsFile = {
  figure: "fig01",
  title: `Optimization trajectories ${HOSTILE}`,
  claims: [
    {
      id: "a",
      statement: HOSTILE,
      source: HOSTILE,
      paper: 0.01,
      ours: 0.0100001,
      rule: "|ours − paper| ≤ 1e-6",
      verdict: "pass",
    },
    {
      id: "b",
      statement: "R₂ rises.",
      source: "paper, section 3.1",
      paper: "rises",
      ours: HOSTILE,
      rule: "R₂ < 1",
      verdict: "fail",
      note: HOSTILE,
    },
    {
      id: "c",
      statement: "Accuracy is higher.",
      source: "paper",
      paper: null,
      ours: null,
      rule: "ours > 0",
      verdict: "not-testable",
    },
  ],
  tables: [
    {
      id: "correlations",
      title: `Rank correlations ${HOSTILE}`,
      source: "paper, table 1",
      columns: ["sharpness", "ρ"],
      rows: [{ label: HOSTILE, paper: [-0.81, 0.5], ours: [-0.7912345678, null] }],
    },
  ],
};

export function instance(
  name: string,
  seconds: number | undefined,
  state: InstanceEntry["state"] = "fresh",
): InstanceEntry {
  const record = {
    key: "a".repeat(64),
    code: "b".repeat(64),
    seconds: seconds ?? 0,
    when: "2026-11-24T12:24:28.598Z",
    cpu: `A processor ${HOSTILE}`,
    platform: { "numeric.device": "onnx:cpu" },
    packages: { vega: "6.2.0" },
    outs: [{ name: "table", digest: "c".repeat(64), bytes: 17_876 }],
  };
  return { name, state, params: { eta: 0.05, text: HOSTILE }, record: seconds === undefined ? undefined : record };
}

export function stage(name: string, from: readonly string[], instances: readonly InstanceEntry[]): StageEntry {
  return { stage: name, action: `stages/${name}.ts`, platform: undefined, from, files: [], instances };
}

export function reportData(figures: readonly FigureEntry[]): ReportData {
  return {
    name: "study",
    description: HOSTILE,
    profile: "quick",
    when: "2026-11-24T12:30:00.000Z",
    revision: "4b50661+",
    figures,
    claims: [CLAIMS],
    stages: [
      stage("dataset", [], [instance("dataset", 0.3)]),
      stage("train", ["dataset"], [instance("train@eta=0.05", 2), instance("train@eta=0.1", 3)]),
      stage("sharpness", ["dataset", "train"], [instance("sharpness", 20)]),
      stage("fig01", ["train", "sharpness"], [instance("fig01", 1)]),
      stage("fig02", ["sharpness"], [instance("fig02", 1, "stale")]),
      stage("fig03", ["sharpness"], [instance("fig03", undefined, "stale")]),
    ],
    notices: [],
  };
}

/** The project's own Figures 1 and 2 (the second of made-up tables), and one that nobody has made. */
export async function realFigures(): Promise<FigureEntry[]> {
  const drawn = [
    await renderFigure(fig01, figure1Data(await dlnTable())),
    await renderFigure(fig02, figure2Data(syntheticTables())),
  ];
  const figures = drawn.map(({ spec, svg }, index): FigureEntry => {
    const name = `fig0${index + 1}`;
    const read = JSON.parse(JSON.stringify(spec)) as { [key: string]: Json };
    const [state, claims] = index === 0 ? (["fresh", CLAIMS] as const) : (["stale", undefined] as const);
    return { name, instance: name, stage: name, state, spec: read, svg, claims };
  });
  const missing = { spec: undefined, svg: undefined, claims: undefined };
  return [...figures, { name: "fig03", instance: "fig03", stage: "fig03", state: "stale", ...missing }];
}
