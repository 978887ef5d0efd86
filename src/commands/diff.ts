import { basename } from "node:path";
import type { RevisionDifference } from "../report/compare-revision.ts";
import { type Command, type Context, DEVICE_OPTION, usageError } from "./command.ts";
import { writeOutput } from "./output-file.ts";
import { paramChanges } from "./param-changes.ts";
import { warnUnreadable } from "./unreadable.ts";
import { environmentOf, openPlan } from "./workspace.ts";

export const command: Command = {
  name: "diff",
  summary: "compare params, claims, numbers and figures with a git revision",
  usage: "REV [options]",
  description: `Compares what a git revision recorded in its pipeline.lock with what is here now: params, claims, numbers in
tables, figures. Contents come from the cache; where it does not have them, the commands that make them are told.
The default profile is compared, which is what pipeline.lock records. Runs nothing.`,
  options: {
    html: { type: "string", value: "FILE", description: "write a page with figures side by side" },
    json: { type: "boolean", description: "one JSON object" },
    ...DEVICE_OPTION,
  },
  examples: [
    { command: "pipeline diff HEAD", meaning: "what the edits since the last commit changed" },
    { command: "pipeline diff v0.1.0 --html diff.html", meaning: "a release and now, with the figures" },
  ],
  arity: [1, 1],
  async run(context, args) {
    const plan = await openPlan(context, args);
    if (plan === 2) return 2;
    const { compareWithRevision, findRevision } = await import("../report/compare-revision.ts");
    const [name = ""] = args.positionals;
    const revision = findRevision(plan.workspace, name);
    if (revision === undefined) {
      const { explainUnknown } = await import("../report/revision.ts");
      const remedy = "name a commit, a branch or a tag: HEAD~1, main";
      return usageError(context, ...explainUnknown(plan.workspace, name, remedy));
    }
    warnUnreadable(context, plan);
    const params = await paramChanges(plan.workspace, revision);
    const difference = await compareWithRevision(plan, environmentOf(context, args), revision, params);
    const file = args.text("html");
    if (file !== undefined) {
      const [{ diffPage }, { readFonts }] = await Promise.all([
        import("../report/diff-page.ts"),
        import("../report/libraries.ts"),
      ]);
      const page = diffPage(basename(plan.workspace), difference, readFonts());
      if (writeOutput(context, { path: file, what: "the page", option: "--html" }, page) === 2) return 2;
    }
    await write(context, difference, args.flag("json"));
    return 0;
  },
};

async function write({ out }: Context, difference: RevisionDifference, json: boolean): Promise<void> {
  if (json) out.write(`${JSON.stringify(withoutPictures(difference))}\n`);
  else out.write((await import("./diff-text.ts")).diffText(difference, out.palette));
}

function withoutPictures(difference: RevisionDifference): unknown {
  const { results } = difference;
  if (results === undefined) return difference;
  return {
    ...difference,
    results: { ...results, figures: results.figures.map(({ name, change }) => ({ name, change })) },
  };
}
