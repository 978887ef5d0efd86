import { formatBytes, formatSeconds } from "../reporters/text.ts";
import type { Json } from "../stage.ts";
import { secondsOf, titleOf } from "./dag-svg.ts";
import type { InstanceEntry, StageEntry } from "./data.ts";
import { anchor, type Html, html } from "./html.ts";
import { timeText } from "./values.ts";

/** Where each result comes from: keys, code, params, platform, packages, when and how long. */
export function provenance(stages: readonly StageEntry[]): Html {
  return html`<div class="card">${stages.map(stageDetails)}</div>`;
}

const STATES = {
  fresh: "",
  restorable: "files edited or removed since",
  stale: "not up to date",
  unknown: "",
} as const;

function stageDetails(stage: StageEntry): Html {
  const { instances, action, from, files } = stage;
  const took = secondsOf(stage);
  const sources = [
    ...from.map((name) => html`<a href="#${anchor("stage", name)}">${name}</a> `),
    ...files.map((file) => html`<code>${file}</code> `),
  ];
  const records = instances.flatMap(({ record }) => record ?? []);
  const packages = new Map(records.flatMap(({ packages }) => Object.entries(packages)));
  const platform = new Map(records.flatMap(({ platform }) => Object.entries(platform)));
  return html`<details id="${anchor("stage", stage.stage)}"><summary><strong>${titleOf(stage)}</strong>${states(instances)}<span class="end">${took === undefined ? "not run" : formatSeconds(took)}</span></summary>
<dl><dt>Code</dt><dd><code>${action}</code></dd>${sources.length > 0 && html`<dt>Reads</dt><dd>${sources}</dd>`}${platform.size > 0 && html`<dt>Platform</dt><dd>${[...platform].map(([fact, value]) => html`<code>${fact}: ${typeof value === "string" ? value : JSON.stringify(value)}</code><br>`)}</dd>`}${packages.size > 0 && html`<dt>Packages</dt><dd class="small">${[...packages].map(([name, version]) => `${name} ${version}`).join(", ")}</dd>`}</dl>
${instances.length === 1 ? instanceBody(instances[0]!) : instances.map((instance) => html`<details><summary>${instance.name}<span class="end">${instance.record !== undefined && formatSeconds(instance.record.seconds)}</span></summary>${instanceBody(instance)}</details>`)}</details>`;
}

function states(instances: readonly InstanceEntry[]): Html | false {
  const told = [
    ...new Set(instances.flatMap(({ state, record }) => (record === undefined ? [] : STATES[state]))),
  ].filter((text) => text !== "");
  return told.length > 0 && html`<span class="verdict not-testable">${told.join(", ")}</span>`;
}

function instanceBody({ params, record }: InstanceEntry): Html {
  if (record === undefined) return html`<p class="soft">It has not run here.</p>`;
  const { key, code, when, seconds, cpu, outs } = record;
  return html`<dl><dt>Made</dt><dd>${timeText(when)}, in ${formatSeconds(seconds)}${cpu !== undefined && html` on ${cpu}`}</dd><dt>Key</dt><dd><code>${key}</code></dd>${code !== undefined && html`<dt>Code digest</dt><dd><code>${code}</code></dd>`}${!isEmpty(params) && html`<dt>Params</dt><dd><pre>${pretty(params)}</pre></dd>`}<dt>Outs</dt><dd>${outs.map(({ name, digest, bytes }) => html`${name}, ${formatBytes(bytes)} <code>${digest}</code><br>`)}</dd></dl>`;
}

/** One param a line; values stay on their line. */
function pretty(params: Json): string {
  if (typeof params !== "object" || params === null || Array.isArray(params)) return JSON.stringify(params);
  return Object.entries(params)
    .map(([key, value]) => `${key}: ${JSON.stringify(value)}`)
    .join("\n");
}

function isEmpty(params: Json): boolean {
  return params === null || (typeof params === "object" && Object.keys(params).length === 0);
}
