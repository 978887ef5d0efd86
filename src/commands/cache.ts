import { suggest } from "../engine/suggest.ts";
import { counted, formatBytes } from "../reporters/text.ts";
import { type Command, usageError } from "./command.ts";
import { findWorkspace } from "./workspace.ts";

const ACTIONS = ["check"] as const;

export const command: Command = {
  name: "cache",
  summary: "check every blob and record of the cache",
  usage: "check [options]",
  description: `Reads every blob and every action record of the cache. Corrupted blobs and broken records are moved to
.pipeline/quarantine, so that what they belonged to runs again when it is needed. Exit code 1 where there were any.`,
  options: { json: { type: "boolean", description: "one JSON object" } },
  examples: [{ command: "pipeline cache check", meaning: "after a crash, or when a disk is in doubt" }],
  arity: [1, 1],
  async run(context, args) {
    const [action = ""] = args.positionals;
    if (!(ACTIONS as readonly string[]).includes(action)) {
      return usageError(context, `there is no \`pipeline cache ${action}\``, suggest(action, ACTIONS, "actions"));
    }
    const { checkCache } = await import("../engine/check.ts");
    const report = await checkCache(findWorkspace(context.folder));
    const { out } = context;
    const { blobs, bytes, records, problems } = report;
    if (args.flag("json")) {
      out.write(`${JSON.stringify(report)}\n`);
    } else {
      const { palette } = out;
      for (const { reason, message } of problems)
        out.write(`${palette.yellow(reason.replaceAll("-", " "))}  ${message}\n`);
      const verdict =
        problems.length === 0 ? palette.green("sound") : palette.yellow(counted(problems.length, "problem"));
      out.write(`${counted(blobs, "blob")} (${formatBytes(bytes)}), ${counted(records, "record")}: ${verdict}\n`);
    }
    return problems.some(({ reason }) => reason === "corrupted-blob" || reason === "broken-record") ? 1 : 0;
  },
};
