import { spawn } from "node:child_process";
import { join, resolve } from "node:path";
import { type Command, DEVICE_OPTION, PLAN_OPTIONS } from "./command.ts";
import { tellOutput, writeOutput } from "./output-file.ts";
import { warnUnreadable } from "./unreadable.ts";
import { environmentOf, openPlan } from "./workspace.ts";

export const command: Command = {
  name: "report",
  summary: "write one HTML page with figures, claims and provenance",
  usage: "[options]",
  description: `Writes a page that holds all it shows and needs no network: every figure with tooltips and zoom, the claims on
the paper's figures and beyond them with its numbers and ours, the graph of stages with timings, and where each result
comes from. It tells what is here and runs nothing.`,
  options: {
    out: { type: "string", value: "FILE", description: "where to write it (default: artifacts/report/index.html)" },
    open: { type: "boolean", description: "open it in the browser" },
    ...PLAN_OPTIONS,
    ...DEVICE_OPTION,
  },
  examples: [
    { command: "pipeline report", meaning: "the page of the default profile" },
    {
      command: "pipeline report --profile laptop --out laptop.html",
      meaning: "of another profile, to send to somebody",
    },
  ],
  arity: [0, 0],
  async run(context, args) {
    const plan = await openPlan(context, args);
    if (plan === 2) return 2;
    warnUnreadable(context, plan);
    const [{ collectReport }, { readLibraries }, { reportPage }, { revisionOf }] = await Promise.all([
      import("../report/collect.ts"),
      import("../report/libraries.ts"),
      import("../report/report.ts"),
      import("../report/revision.ts"),
    ]);
    const facts = { when: new Date().toISOString(), revision: revisionOf(plan.workspace) };
    const data = await collectReport(plan, environmentOf(context, args), facts);
    const text = reportPage(data, readLibraries());
    const path = args.text("out") ?? join(plan.workspace, plan.artifacts ?? "artifacts", "report", "index.html");
    if (writeOutput(context, { path, what: "the report", option: "--out" }, text) === 2) return 2;
    tellOutput(context, path, text);
    if (args.flag("open")) openFile(resolve(context.folder, path));
    return 0;
  },
};

/** With whatever the desktop has for it; where there is none, the path has been told. */
function openFile(file: string): void {
  const [program, ...words] = { darwin: ["open"], win32: ["cmd", "/c", "start", ""] }[process.platform as string] ?? [
    "xdg-open",
  ];
  spawn(program!, [...words, file], { detached: true, stdio: "ignore" })
    .on("error", () => undefined)
    .unref();
}
