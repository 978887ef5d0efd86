import type { PrimitiveName, PrimitiveParams } from "./params.ts";
import type { Equation } from "./program.ts";
import { formatAval } from "./shapes.ts";
import type { Aval } from "./tensor.ts";
import type { Variable } from "./variable.ts";

type AnyPrimitive = Equation["primitive"];

/** The equations being recorded. Opened by `trace.ts`, which knows the primitives; ops add to the innermost one. */
export interface Trace {
  readonly primitives: ReadonlyMap<string, AnyPrimitive>;
  readonly inputs: readonly Variable[];
  readonly equations: Equation[];
  readonly definitions: Map<Variable, Equation | undefined>;
  /** Rewrites equations as they come (`simplify.ts` tells how); absent in a plain trace. */
  readonly rewrite: Rewrite | undefined;
}

/** May answer an equation by a variable that exists or that it builds; `record` adds the equation as it stands. */
export type Rewrite = (
  primitive: AnyPrimitive,
  inputs: readonly Variable[],
  params: unknown,
  record: () => Variable,
) => Variable;

const open: Trace[] = [];
let lastId = 0;

/** A new variable; it belongs to no trace yet. */
export function createVariable(aval: Aval): Variable {
  lastId += 1;
  return { id: lastId, dtype: aval.dtype, shape: aval.shape };
}

/** Runs `body` with `trace` as the innermost one. */
export function withTrace<T>(trace: Trace, body: () => T): T {
  open.push(trace);
  try {
    return body();
  } finally {
    open.pop();
  }
}

export function currentTrace(): Trace {
  const trace = open.at(-1);
  if (trace === undefined)
    throw new Error("no trace is open: tensor operations only make sense inside the function given to trace()");
  return trace;
}

/** Adds `primitive(inputs; params)` to the current trace and returns its output. */
export function emit<N extends PrimitiveName>(
  name: N,
  inputs: readonly Variable[],
  params: PrimitiveParams[N],
): Variable {
  const primitive = currentTrace().primitives.get(name);
  if (primitive === undefined) throw new Error(`no primitive is called ${name}`);
  return apply(primitive, inputs, params);
}

/** `emit` with the primitive itself: how a recorded equation is replayed. */
export function apply(primitive: AnyPrimitive, inputs: readonly Variable[], params: unknown): Variable {
  const trace = currentTrace();
  for (const input of inputs)
    if (!trace.definitions.has(input))
      throw new Error(
        `${primitive.name}: an operand ${formatAval(input)} belongs to another trace; pass it in as an input of this one`,
      );
  const record = (): Variable => {
    const output = createVariable(primitive.aval(inputs, params));
    const equation = { primitive, params, inputs, output };
    trace.equations.push(equation);
    trace.definitions.set(output, equation);
    return output;
  };
  return trace.rewrite === undefined ? record() : trace.rewrite(primitive, inputs, params, record);
}

/** The operands and parameters of the equation that made `variable` in the current trace, if it is a `name`. */
export function definedBy<N extends PrimitiveName>(
  variable: Variable,
  name: N,
): { readonly inputs: readonly Variable[]; readonly params: PrimitiveParams[N] } | undefined {
  const equation = currentTrace().definitions.get(variable);
  if (equation === undefined || equation.primitive.name !== name) return undefined;
  return { inputs: equation.inputs, params: equation.params as PrimitiveParams[N] };
}

/** The value of a variable that is one number everywhere, if the current trace knows it. */
export function fillValue(variable: Variable): number | undefined {
  return definedBy(variable, "fill")?.params.value;
}
