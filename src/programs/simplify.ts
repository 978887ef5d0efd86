import { apply, definedBy, fillValue, type Rewrite, type Trace } from "./emit.ts";
import { broadcast, full } from "./ops.ts";
import type { Equation, Program } from "./program.ts";
import { inline, inputsOf, type ProgramInput, type Recorded, record } from "./trace.ts";
import type { Variable } from "./variable.ts";

type AnyPrimitive = Equation["primitive"];

/**
 * The same values from fewer equations: common subexpressions, symbolic zeros and other uniform constants, broadcasts
 * that their users do by themselves, the primitives' own algebra (`Primitive.simplify`), dead code.
 * A fixed point of itself, since every equation is rewritten where its operands' final definitions are known.
 */
export function simplify(program: Program): Program {
  return recordSimplified(inputsOf(program), (inputs) => ({
    outputs: inline(program, inputs),
    outputNames: program.outputNames,
  }));
}

/** Records a program whose equations are simplified as they come: how the transforms build theirs. */
export function recordSimplified(
  inputs: readonly ProgramInput[],
  body: (inputs: readonly Variable[], current: Trace) => Recorded,
): Program {
  return prune(record(inputs, body, createRewrite()));
}

/** The program with only these of its outputs, in this order: an HVP alone, for one, needs no gradient's products. */
export function withOutputs(program: Program, indices: readonly number[]): Program {
  for (const index of indices)
    if (program.outputs[index] === undefined) throw new Error(`withOutputs: the program has no output ${index}`);
  return prune({
    ...program,
    outputs: indices.map((index) => program.outputs[index]!),
    outputNames: indices.map((index) => program.outputNames[index]!),
  });
}

/** Drops equations that no output needs. */
export function prune(program: Program): Program {
  const needed = new Set<Variable>(program.outputs);
  const equations: Equation[] = [];
  for (let i = program.equations.length - 1; i >= 0; i--) {
    const equation = program.equations[i]!;
    if (!needed.has(equation.output)) continue;
    equations.push(equation);
    for (const input of equation.inputs) needed.add(input);
  }
  return { ...program, equations: equations.reverse() };
}

function createRewrite(): Rewrite {
  const seen = new Map<string, Variable>();
  return (primitive, inputs, params, record) => {
    const rewritten =
      (primitive.elementwise ? rewriteElementwise(primitive, inputs, params) : undefined) ??
      primitive.simplify?.(inputs, params);
    if (rewritten !== undefined) return rewritten;
    const key = keyOf(primitive, inputs, params);
    const known = seen.get(key);
    if (known !== undefined) return known;
    const output = record();
    seen.set(key, output);
    return output;
  };
}

function keyOf(primitive: AnyPrimitive, inputs: readonly Variable[], params: unknown): string {
  const ids = inputs.map((input) => input.id);
  if (primitive.commutative && ids[0]! > ids[1]!) ids.reverse();
  return `${primitive.name} ${ids.join(",")} ${primitive.key?.(params) ?? JSON.stringify(params)}`;
}

/** Computes uniform operands at once, and computes before a broadcast rather than after it. */
function rewriteElementwise(
  primitive: AnyPrimitive,
  inputs: readonly Variable[],
  params: unknown,
): Variable | undefined {
  const { shape, dtype } = primitive.aval(inputs, params);
  const values = inputs.map(fillValue);
  if (values.every((value) => value !== undefined)) {
    const point = { dtype: "f64", shape: [] } as const;
    const operands = values.map((value) => ({ ...point, data: Float64Array.of(value) }));
    const value = primitive.evaluate(operands, params, point).data[0]!;
    // A constant that is not finite is the program's own business: leave it visible.
    if (Number.isFinite(value)) return full(shape, value, dtype);
  }
  const narrow = inputs.map(beforeBroadcast);
  if (narrow.every((operand, i) => operand === inputs[i])) return undefined;
  return broadcast(apply(primitive, narrow, params), shape);
}

function beforeBroadcast(operand: Variable): Variable {
  const source = definedBy(operand, "broadcast")?.inputs[0];
  if (source !== undefined) return source;
  const value = fillValue(operand);
  if (value === undefined || operand.shape.every((extent) => extent === 1)) return operand;
  return full(
    operand.shape.map(() => 1),
    value,
    operand.dtype,
  );
}
