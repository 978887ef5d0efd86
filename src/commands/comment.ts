import { readFileSync } from "node:fs";
import { basename, dirname, extname, join, relative, resolve, sep } from "node:path";
import type { Event } from "../engine/plan/event.ts";
import type { Plan } from "../engine/plan/plan.ts";
import type { Picture } from "../report/figure-review.ts";
import type { Review } from "../report/review.ts";
import { counted } from "../reporters/text.ts";
import { type Arguments, type Command, type Context, DEVICE_OPTION, usageError } from "./command.ts";
import type { RunFacts } from "./comment-text.ts";
import { makeOutputFolder, tellOutput, writeOutput } from "./output-file.ts";
import { REMOTE_OPTIONS, remoteOf } from "./remote.ts";
import { warnUnreadable } from "./unreadable.ts";
import { environmentOf, openPlan } from "./workspace.ts";

/** Of GitHub's 65,536 characters, some are left for what a script adds. GitLab takes 1,000,000. */
const LIMIT = 65_000;
const LEAST_LIMIT = 2000;

export const command: Command = {
  name: "comment",
  summary: "write a run and what it changed as a comment for a pull request",
  usage: "[EVENTS] [options]",
  description: `Writes Markdown for a pull request: what ran, what failed with the end of its log, and against what --base recorded in its
pipeline.lock the claims, figures and numbers that changed, before and after, with the cause. EVENTS is what run --json wrote (- for
stdin). Pictures and records that are not here are read from the remote cache. Runs nothing. docs/ci.md has recipes.`,
  options: {
    base: { type: "string", value: "REV", description: "the git revision to compare with: where the branch began" },
    out: { type: "string", value: "FILE", description: "where to write it (default: stdout)" },
    images: { type: "string", value: "DIR", description: "write the pictures of changed figures there, and show them" },
    "image-base": { type: "string", value: "URL", description: "where DIR can be read (default: relative links)" },
    limit: {
      type: "string",
      value: "N",
      description: `characters at most, from ${LEAST_LIMIT} (default: ${LIMIT}, for GitHub)`,
    },
    ...REMOTE_OPTIONS,
    ...DEVICE_OPTION,
  },
  examples: [
    { command: "pipeline comment run.jsonl --base origin/main", meaning: "figures by name, with the causes" },
    {
      command: "pipeline comment run.jsonl --base origin/main --images images --out comment.md",
      meaning: "with their pictures",
    },
  ],
  arity: [0, 1],
  async run(context, args) {
    const limit = limitOf(context, args);
    if (limit === undefined) return 2;
    const [file] = args.positionals;
    const base = args.text("base");
    if (file === undefined && base === undefined) {
      return usageError(
        context,
        "there is nothing to tell",
        "name what `pipeline run --json` wrote, or --base origin/main, or both",
      );
    }
    const images = args.text("images");
    if (images === undefined && args.text("image-base") !== undefined) {
      return usageError(context, "--image-base goes with --images DIR", "say where the pictures are to be written");
    }
    if (images !== undefined && base === undefined) {
      return usageError(context, "--images goes with --base REV", "say what figures are compared with");
    }
    const run = file === undefined ? undefined : await readRun(context, file);
    if (run === 2) return 2;
    const reviewed = base === undefined ? undefined : await reviewOf(context, args, base, images !== undefined);
    if (reviewed === 2) return 2;
    if (reviewed !== undefined && !reviewed.remote && run !== undefined && run.afar > 0) {
      const { palette } = context.err;
      const left = `the run left ${run.afar} of its results in a remote cache, and none is named here: they count as not made`;
      context.err.write(`${palette.yellow("warning")}  ${left}\n`);
    }
    const [{ commentText }, { paramChanges }] = await Promise.all([
      import("./comment-text.ts"),
      import("./param-changes.ts"),
    ]);
    const params = reviewed === undefined ? [] : await paramChanges(reviewed.plan.workspace, reviewed.review.revision);
    const out = args.text("out");
    const link = images === undefined ? undefined : linkTo(context, args, images);
    const text = commentText({ run, review: reviewed?.review, params, link }, limit);
    // The pictures first: a comment may be read as soon as it is there.
    const pictures = images === undefined ? 0 : writeImages(context, images, reviewed?.review);
    if (pictures === "not-written") return 2;
    if (out === undefined) {
      context.out.write(text);
      return 0;
    }
    if (writeOutput(context, { path: out, what: "the comment", option: "--out" }, text) === 2) return 2;
    tellOutput(context, out, text);
    if (images !== undefined)
      context.out.write(`${images}  ${context.out.palette.dim(counted(pictures, "picture"))}\n`);
    return 0;
  },
};

function limitOf(context: Context, args: Arguments): number | undefined {
  const text = args.text("limit");
  if (text === undefined) return LIMIT;
  const limit = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (limit >= LEAST_LIMIT) return limit;
  usageError(
    context,
    `--limit cannot be \`${text}\``,
    `give a whole number from ${LEAST_LIMIT}, as in --limit 1000000`,
  );
  return undefined;
}

async function readRun(context: Context, file: string): Promise<(RunFacts & { readonly afar: number }) | 2> {
  let text: string;
  try {
    text = readFileSync(file === "-" ? 0 : resolve(context.folder, file), "utf8");
  } catch (error) {
    const remedy = "write them with `pipeline run --json > run.jsonl`";
    return usageError(context, `the run's events cannot be read: ${(error as Error).message}`, remedy);
  }
  const { FIGURE, gather, totals } = await import("../reporters/gathered.ts");
  const run = gather();
  const known = eventsIn(text);
  if (!known.some(({ type }) => type === "plan")) {
    return usageError(
      context,
      `${file === "-" ? "stdin" : file} holds no event of a run`,
      "nothing was run, or without --json: see what it wrote to stderr",
    );
  }
  for (const event of known) run.emit(event);
  const { summary, failed, warnings } = run;
  const figures = [...run.ran, ...run.restored].flatMap(({ instance, changed }) =>
    changed.filter((path) => FIGURE.test(path)).map((path) => ({ path, why: run.why(instance) })),
  );
  return { totals: summary && totals(summary), failed, warnings, figures, afar: run.afar };
}

/** Other lines are what something else printed. */
function eventsIn(text: string): Event[] {
  return text.split("\n").flatMap((line): Event[] => {
    if (!line.startsWith("{")) return [];
    try {
      const value = JSON.parse(line) as Event;
      return typeof value.type === "string" ? [value] : [];
    } catch {
      return [];
    }
  });
}

async function reviewOf(
  context: Context,
  args: Arguments,
  base: string,
  pictures: boolean,
): Promise<{ readonly plan: Plan; readonly review: Review; readonly remote: boolean } | 2> {
  const plan = await openPlan(context, args);
  if (plan === 2) return 2;
  const config = await remoteOf(context, args, plan);
  if (config === 2) return 2;
  const [{ findRevision }, { reviewAgainst }] = await Promise.all([
    import("../report/compare-revision.ts"),
    import("../report/review.ts"),
  ]);
  const revision = findRevision(plan.workspace, base);
  if (revision === undefined) {
    const { explainUnknown } = await import("../report/revision.ts");
    const remedy = "where a clone is shallow, fetch it: git fetch --depth=1 origin main, then --base FETCH_HEAD";
    return usageError(context, ...explainUnknown(plan.workspace, base, remedy));
  }
  warnUnreadable(context, plan);
  const open = config === undefined ? undefined : (await import("../engine/remote/remote.ts")).openRemote;
  const { signal, err } = context;
  const warned = new Set<string>();
  const warn = (message: string): void => {
    if (!warned.has(message)) err.write(`${err.palette.yellow("warning")}  ${message}\n`);
    warned.add(message);
  };
  const review = await reviewAgainst(plan, environmentOf(context, args), revision, {
    remote: open && ((store, cas) => open({ ...config!, readOnly: true }, store, cas, signal, warn)),
    pictures,
  });
  return { plan, review, remote: config !== undefined };
}

type Shown = Extract<Picture, { readonly digest: string }>;

/** A name holds its content's digest: what changes has another address, so that nobody's cache shows an older one. */
function pictureFile({ path, digest }: Shown): string {
  return `${basename(path, extname(path))}.${digest.slice(0, 12)}${extname(path)}`;
}

/** How many pictures a folder now has. */
function writeImages(context: Context, folder: string, review: Review | undefined): number | "not-written" {
  const output = { path: folder, what: "the pictures", option: "--images" };
  if (makeOutputFolder(context, output) === 2) return "not-written";
  const files = new Map<string, Uint8Array>();
  for (const { before, after, look } of review?.results?.figures ?? []) {
    for (const picture of look === "same" ? [] : [before, after]) {
      if (picture !== undefined && "bytes" in picture) files.set(pictureFile(picture), picture.bytes);
    }
  }
  for (const [name, bytes] of files) {
    if (writeOutput(context, { ...output, path: join(folder, name) }, bytes) === 2) return "not-written";
  }
  return files.size;
}

/** How the comment says where a picture is. */
function linkTo(context: Context, args: Arguments, folder: string): (picture: Shown) => string {
  const out = args.text("out");
  const from = out === undefined ? context.folder : dirname(resolve(context.folder, out));
  const near = relative(from, resolve(context.folder, folder)).split(sep).map(encodeURIComponent).join("/");
  const base =
    args
      .text("image-base")
      ?.replace(/\/+$/, "")
      .replaceAll(/[<>\s]/g, encodeURIComponent) ?? (near === "" ? "." : near);
  return (picture) => `${base}/${encodeURIComponent(pictureFile(picture))}`;
}
