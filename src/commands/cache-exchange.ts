import type { PlanFailure } from "../engine/plan/plan-failure.ts";
import type { Exchange, Exchanged, RemoteReport } from "../engine/run/exchange.ts";
import { remoteText } from "../reporters/lines.ts";
import { counted } from "../reporters/text.ts";
import { type Arguments, type Context, type ExitCode, usageError } from "./command.ts";
import { reportPlanFailure } from "./plan-failure.ts";
import { remoteOf, warningsOf } from "./remote.ts";
import { chooseTargets, environmentOf, openPlan } from "./workspace.ts";

/** `pipeline cache push|pull [TARGET…]` and `cache check --remote`. */
export async function exchange(
  context: Context,
  args: Arguments,
  action: "push" | "pull" | "check",
  names: readonly string[],
): Promise<ExitCode> {
  const plan = await openPlan(context, args);
  if (plan === 2) return 2;
  const targets = chooseTargets(context, plan, names);
  if (targets === 2) return 2;
  const config = await remoteOf(context, args, plan);
  if (config === 2) return 2;
  if (config === undefined) {
    const remedy = "name it: --remote https://cache.example.org/study, or PIPELINE_REMOTE_CACHE (docs/remote-cache.md)";
    return usageError(context, "there is no remote cache", remedy);
  }
  if (action === "push" && config.readOnly) {
    return usageError(
      context,
      "the remote cache is only read here",
      "its mode, or PIPELINE_REMOTE_KEY where it trusts keys",
    );
  }
  const order: Exchange = {
    plan,
    targets,
    environment: environmentOf(context, args),
    config,
    signal: context.signal,
    warn: warningsOf(context),
  };
  const { checkRemote, pullResults, pushResults } = await import("../engine/run/exchange.ts");
  if (action === "check") return tellCheck(context, args, await checkRemote(order, args.flag("full")));
  const done = await (action === "push" ? pushResults(order) : pullResults(order));
  return tellExchange(context, args, action, done);
}

function tellExchange(
  context: Context,
  args: Arguments,
  action: "push" | "pull",
  done: Exchanged | PlanFailure,
): ExitCode {
  if ("reason" in done) return reportPlanFailure(context, done);
  const { out, signal } = context;
  const { results, missing, failed, remote } = done;
  if (args.flag("json")) out.write(`${JSON.stringify(done)}\n`);
  else {
    const { palette } = out;
    // After Ctrl-C there is nothing wrong with each of them.
    if (!signal.aborted) for (const name of failed) out.write(`${palette.red("✗")} ${name}\n`);
    const where = action === "push" ? "in the remote cache" : "in the local cache";
    const lacking = missing.length === 0 ? [] : [`${missing.length} not ${action === "push" ? "made yet" : "there"}`];
    const stopped = signal.aborted ? [palette.yellow("interrupted"), `${failed.length} left`] : [];
    const refused =
      signal.aborted || failed.length === 0 ? [] : [`${failed.length} not ${action === "push" ? "sent" : "fetched"}`];
    // `0 results in the remote cache` would be about the cache, which may have others.
    const arrived = results === 0 && failed.length > 0 ? [] : [`${counted(results, "result")} ${where}`];
    const parts = [...stopped, ...arrived, ...refused, ...lacking, remoteText(remote)];
    out.write(`${parts.filter((part) => part !== "").join(palette.dim(" · "))}\n`);
  }
  if (signal.aborted) return 130;
  return failed.length > 0 ? 1 : 0;
}

function tellCheck(context: Context, args: Arguments, report: RemoteReport | PlanFailure): ExitCode {
  if ("reason" in report) return reportPlanFailure(context, report);
  const { out, signal } = context;
  const { results, blobs, missing, problems } = report;
  if (args.flag("json")) out.write(`${JSON.stringify(report)}\n`);
  else {
    const { palette } = out;
    for (const { reason, message } of problems) {
      out.write(`${palette.yellow(reason.replaceAll("-", " "))}  ${message}\n`);
    }
    const verdict =
      problems.length === 0 ? palette.green("sound") : palette.yellow(counted(problems.length, "problem"));
    const lacking = missing.length === 0 ? "" : `, ${missing.length} not there`;
    out.write(`${counted(results, "result")}, ${counted(blobs, "blob")}${lacking}: ${verdict}\n`);
  }
  if (signal.aborted) return 130;
  return problems.length > 0 ? 1 : 0;
}
