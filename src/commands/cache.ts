import { suggest } from "../engine/system/suggest.ts";
import { counted, formatBytes } from "../reporters/text.ts";
import { type Command, DEVICE_OPTION, PLAN_OPTIONS, usageError } from "./command.ts";
import { REMOTE_OPTIONS } from "./remote.ts";
import { findWorkspace } from "./workspace.ts";

const ACTIONS = ["check", "push", "pull"] as const;

export const command: Command = {
  name: "cache",
  summary: "check the cache, or exchange results with the remote one",
  usage: "check | push [TARGET…] | pull [TARGET…] [options]",
  description: `check reads every blob and every action record of the cache. Corrupted blobs and broken records are moved
to .pipeline/quarantine, so that what they belonged to runs again when it is needed. Exit code 1 where there were any.
With a remote cache (--remote, PIPELINE_REMOTE_CACHE or pipeline.yaml), push sends the targets' results that are here,
pull brings those that are there into .pipeline, and check --remote-results looks whether it has all of their blobs.`,
  options: {
    ...PLAN_OPTIONS,
    ...REMOTE_OPTIONS,
    "remote-results": { type: "boolean", description: "check: the results of the targets in the remote cache" },
    full: { type: "boolean", description: "with --remote-results: read every blob and verify its digest" },
    json: { type: "boolean", description: "one JSON object" },
    ...DEVICE_OPTION,
  },
  examples: [
    { command: "pipeline cache check", meaning: "after a crash, or when a disk is in doubt" },
    { command: "pipeline cache push fig01", meaning: "what was made before there was a remote cache" },
    { command: "pipeline cache pull", meaning: "before a journey without a network" },
    { command: "pipeline cache check --remote-results --full", meaning: "when the remote cache is in doubt" },
  ],
  arity: [1, Number.POSITIVE_INFINITY],
  interruptible: true,
  async run(context, args) {
    const [action = "", ...targets] = args.positionals;
    if (!isAction(action)) {
      return usageError(context, `there is no \`pipeline cache ${action}\``, suggest(action, ACTIONS, "actions"));
    }
    const afar = args.text("remote") !== undefined || args.flag("remote-results") || args.flag("full");
    if (action !== "check" || afar) {
      const { exchange } = await import("./cache-exchange.ts");
      return exchange(context, args, action, targets);
    }
    if (targets.length > 0) {
      return usageError(context, "`pipeline cache check` reads all that is here", "targets go with --remote-results");
    }
    const { checkCache } = await import("../engine/cache/check.ts");
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

function isAction(word: string): word is (typeof ACTIONS)[number] {
  return (ACTIONS as readonly string[]).includes(word);
}
