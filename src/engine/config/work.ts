import type { Json } from "../../stage.ts";
import type { Work } from "../plan/plan.ts";
import { parseArithmetic } from "./arithmetic.ts";
import { type Mapping, text } from "./declared.ts";
import type { Evaluator } from "./evaluator.ts";
import { describe, isMapping } from "./expression.ts";
import type { Path } from "./source.ts";

/** The `work:` of one instance; `undefined` where there is none or it is wrong, which is reported. */
export function workOf(declared: Json | undefined, path: Path, row: Mapping, evaluator: Evaluator): Work | undefined {
  if (declared === undefined) return undefined;
  const parts = isMapping(declared) ? declared : { amount: declared };
  const at = isMapping(declared) ? [...path, "amount"] : path;
  const amount = numberOf("work", parts.amount, at, row, evaluator);
  if (amount === undefined) return undefined;
  const optional = (what: "steps" | "times"): number | undefined =>
    parts[what] === undefined ? undefined : numberOf(what, parts[what], [...path, what], row, evaluator);
  const [steps, times] = [optional("steps"), optional("times")];
  if ((parts.steps !== undefined && steps === undefined) || (parts.times !== undefined && times === undefined))
    return undefined;
  const unit = text(parts.unit);
  const often = times ?? 1;
  return {
    amount: amount * often,
    ...(unit === undefined ? {} : { unit }),
    ...(steps === undefined ? {} : { steps: steps * often }),
    ...(times === undefined ? {} : { times }),
  };
}

/** The operands are evaluated one by one, so that what is not a number among them can be told. */
function numberOf(
  what: "work" | "steps" | "times",
  declared: Json | undefined,
  path: Path,
  row: Mapping,
  evaluator: Evaluator,
): number | undefined {
  const { tree, report } = evaluator;
  const remedy = "a number above 0, or numbers and ${…} with + - * / ^, parentheses, min(…) and max(…)";
  if (typeof declared !== "number" && typeof declared !== "string") return undefined;
  const place = tree.inside(path, String(declared));
  const arithmetic = parseArithmetic(String(declared));
  if ("message" in arithmetic) {
    report.error("invalid-work", place, arithmetic.message, remedy);
    return undefined;
  }
  const values: number[] = [];
  for (const operand of arithmetic.operands) {
    const value = evaluator.text(operand, path, { variables: row });
    if (value === undefined) return undefined;
    if (typeof value !== "number") {
      report.error("invalid-work", tree.inside(path, operand), `\`${operand}\` is ${describe(value)}`, "use a number");
      return undefined;
    }
    values.push(value);
  }
  const amount = arithmetic.evaluate(values);
  if (Number.isFinite(amount) && amount > 0) return amount;
  const come = what === "work" ? "comes" : "come";
  report.error("invalid-work", place, `the ${what} ${come} to ${amount}`, "let it come to a number above 0");
  return undefined;
}
