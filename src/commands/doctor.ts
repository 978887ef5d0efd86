import { lstatSync, readdirSync, statSync } from "node:fs";
import { availableParallelism, cpus, totalmem } from "node:os";
import { join } from "node:path";
import { loadPlan } from "../engine/config/load.ts";
import { explainIo } from "../engine/system/io-error.ts";
import { formatDiagnostics } from "../reporters/diagnostics.ts";
import type { Palette } from "../reporters/palette.ts";
import { counted, formatBytes, pad } from "../reporters/text.ts";
import { type Command, DEVICE_OPTION, PLAN_OPTIONS } from "./command.ts";
import { reachesDevice } from "./device.ts";
import { type Finding, runDoctorHook } from "./doctor-hook.ts";
import { environmentOf, findWorkspace } from "./workspace.ts";

export const command: Command = {
  name: "doctor",
  summary: "show what this machine has and what it lacks",
  usage: "[options]",
  description: `Shows Node, machine, workspace and cache, and what the workspace's own module (\`doctor:\` in pipeline.yaml) finds:
runtimes, devices, data, and how to get what is missing.`,
  options: {
    ...PLAN_OPTIONS,
    ...DEVICE_OPTION,
    json: { type: "boolean", description: "the findings as one JSON object" },
  },
  examples: [
    { command: "pipeline doctor", meaning: "everything that is worth knowing in a bug report" },
    { command: "pipeline doctor --device onnx:webgpu", meaning: "whether that device can be used" },
  ],
  arity: [0, 0],
  interruptible: true,
  async run(context, args) {
    const { out, err } = context;
    const workspace = findWorkspace(context.folder);
    const findings = [nodeFinding(), machineFinding(), cacheFinding(workspace)];
    const profile = args.text("profile");
    const set = args.list("set");
    const loaded = await loadPlan(workspace, profile === undefined ? { set } : { profile, set });
    let code: 0 | 1 | 2 = 0;
    if ("diagnostics" in loaded) {
      code = 2;
      const errors = loaded.diagnostics.filter(({ severity }) => severity === "error").length;
      findings.push({ name: "workspace", ok: false, detail: `${workspace}, ${counted(errors, "error")} (below)` });
    } else {
      const { plan } = loaded;
      // The workspace's own module is told the device, whoever else is.
      if (plan.doctor === undefined && !reachesDevice(context, args, plan)) return 2;
      const detail = `${workspace}, profile ${plan.profile}, ${counted(plan.instances.length, "instance")}`;
      findings.push({ name: "workspace", ok: true, detail });
      if (plan.doctor !== undefined) {
        const hook = await runDoctorHook(workspace, plan.doctor, environmentOf(context, args), context.signal);
        if (context.signal.aborted) return 130;
        findings.push(...hook.findings);
        if (!hook.finished) code = 1;
      }
    }
    if (args.flag("json")) {
      out.write(`${JSON.stringify({ findings })}\n`);
    } else {
      const width = Math.max(...findings.map(({ name }) => name.length)) + 3;
      for (const finding of findings) out.write(findingText(finding, width, out.palette));
    }
    if ("diagnostics" in loaded) err.write(`\n${formatDiagnostics(loaded.diagnostics, err.palette, err.columns())}`);
    return code;
  },
};

function findingText({ name, ok, detail, remedy }: Finding, width: number, palette: Palette): string {
  const mark = ok ? palette.green("✓") : palette.yellow("–");
  const [first = "", ...more] = detail.split("\n");
  const indent = " ".repeat(width + 2);
  const lines = [`${mark} ${pad(name, width)}${first}`, ...more.map((line) => `${indent}${palette.dim(line)}`)];
  if (!ok && remedy !== undefined) lines.push(`${indent}${palette.green(remedy)}`);
  return `${lines.join("\n")}\n`;
}

function nodeFinding(): Finding {
  const { node, v8 } = process.versions;
  return { name: "node", ok: true, detail: `${node} (V8 ${v8}), ${process.platform} ${process.arch}` };
}

function machineFinding(): Finding {
  const model = cpus()[0]?.model.trim() ?? "unknown processor";
  return {
    name: "machine",
    ok: true,
    detail: `${counted(availableParallelism(), "core")}, ${model}, ${formatBytes(totalmem())} memory`,
  };
}

function cacheFinding(workspace: string): Finding {
  const folder = join(workspace, ".pipeline");
  try {
    // A link that leads nowhere is there.
    if (lstatSync(folder, { throwIfNoEntry: false }) === undefined)
      return { name: "cache", ok: true, detail: ".pipeline/ is not there yet" };
    return { name: "cache", ok: true, detail: sizeText(folder) };
  } catch (error) {
    // This command is for finding out what is wrong.
    const problem = explainIo(error, "looking at the cache");
    if (problem === undefined) throw error;
    return { name: "cache", ok: false, detail: problem.message, remedy: problem.remedy };
  }
}

function sizeText(folder: string): string {
  let bytes = 0;
  let files = 0;
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    // A run beside us may have removed it in the meantime.
    const stats = statSync(join(entry.parentPath, entry.name), { throwIfNoEntry: false });
    bytes += stats?.size ?? 0;
    files++;
  }
  return `.pipeline/, ${formatBytes(bytes)} in ${counted(files, "file")}`;
}
