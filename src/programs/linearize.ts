import { type JvpOptions, pushForward, tangentInputs, tangentName } from "./jvp.ts";
import { addEdge, addNode, createFlowGraph, minCut } from "./min-cut.ts";
import type { Program } from "./program.ts";
import { prune, recordSimplified } from "./simplify.ts";
import { sizeOf } from "./tensor.ts";
import { inputsOf } from "./trace.ts";
import type { Variable } from "./variable.ts";

export interface LinearizeOptions extends JvpOptions {
  /** Indices of the outputs whose tangents are wanted. Default all. */
  readonly outputs?: readonly number[];
}

/** `jvp` in two parts: `tangent(primal(x), t)` is `jvp(x, t)`, and the second is linear in t. */
export interface Linearized {
  /** Inputs: the program's. Outputs: the program's, followed by `numResiduals` residuals. */
  readonly primal: Program;
  /**
   * Inputs: those of the program that `tangentInputs` lists, the residuals, the tangents of `wrt`. Outputs: the tangents
   * of the wanted outputs, `d.OUTPUT`.
   */
  readonly tangent: Program;
  readonly numResiduals: number;
  /** Indices of the program's inputs that the tangent program takes, ascending. */
  readonly tangentInputs: readonly number[];
}

/**
 * Partial evaluation of `jvp`: what does not depend on the tangents runs once, and the tangent program gets what it needs
 * of it as residuals. Residuals are a minimum cut by size between what is expensive and what the tangents use: cheap
 * values (masks, slices of the parameters; `Primitive.cheap`) are computed again from others rather than stored, and
 * inputs cost nothing.
 */
export function linearize(program: Program, options: LinearizeOptions): Linearized {
  const numInputs = program.inputs.length;
  const wanted = options.outputs ?? program.outputs.map((_, i) => i);
  const joint = recordSimplified([...inputsOf(program), ...tangentInputs(program, options)], (variables) => {
    const pushed = pushForward(program, variables.slice(0, numInputs), variables.slice(numInputs), options);
    return {
      outputs: [...pushed.primals, ...wanted.map((i) => pushed.tangents[i]!)],
      outputNames: [...program.outputNames, ...wanted.map((i) => tangentName(program.outputNames[i]!))],
    };
  });
  const inputs = joint.inputs.slice(0, numInputs);
  const tangents = joint.inputs.slice(numInputs);
  const tangentOutputs = joint.outputs.slice(program.outputs.length);

  const linear = new Set<Variable>(tangents);
  const uses = new Set<Variable>(tangentOutputs);
  for (const equation of joint.equations) {
    if (!equation.inputs.some((input) => linear.has(input))) continue;
    linear.add(equation.output);
    for (const input of equation.inputs) uses.add(input);
  }
  const residuals = chooseResiduals(
    joint,
    inputs,
    [...uses].filter((variable) => !linear.has(variable)),
  );
  const stored = new Set(residuals);
  const second = prune({
    ...joint,
    equations: joint.equations.filter((equation) => !stored.has(equation.output)),
    outputs: tangentOutputs,
    outputNames: joint.outputNames.slice(program.outputs.length),
  });
  const read = new Set([...second.equations.flatMap((equation) => equation.inputs), ...tangentOutputs]);
  const taken = inputs.flatMap((input, i) => (read.has(input) ? [i] : []));
  const residualNames = residuals.map((_, i) => `residual.${i}`);
  return {
    primal: prune({
      ...joint,
      inputs,
      inputNames: program.inputNames,
      outputs: [...joint.outputs.slice(0, program.outputs.length), ...residuals],
      outputNames: [...program.outputNames, ...residualNames],
    }),
    tangent: {
      ...second,
      inputs: [...taken.map((i) => inputs[i]!), ...residuals, ...tangents],
      inputNames: [...taken.map((i) => program.inputNames[i]!), ...residualNames, ...joint.inputNames.slice(numInputs)],
    },
    numResiduals: residuals.length,
    tangentInputs: taken,
  };
}

/** The smallest values to store so that every one of `uses` is stored, an input, or cheaply made of such. */
function chooseResiduals(program: Program, inputs: readonly Variable[], uses: readonly Variable[]): Variable[] {
  const graph = createFlowGraph();
  const [source, sink] = [addNode(graph), addNode(graph)];
  const free = new Set<Variable>(inputs);
  // Each value is an edge of its size, from `enter` to `leave`: cut means stored.
  const nodes = new Map<Variable, { readonly enter: number; readonly leave: number }>();
  const used = new Set(uses);
  for (const { primitive, inputs: operands, output } of program.equations) {
    const sources = operands.filter((operand) => !free.has(operand));
    if (primitive.cheap && sources.length === 0) {
      free.add(output);
      continue;
    }
    if (sources.some((operand) => !nodes.has(operand))) continue;
    const [enter, leave] = [addNode(graph), addNode(graph)];
    nodes.set(output, { enter, leave });
    addEdge(graph, enter, leave, sizeOf(output.shape));
    if (!primitive.cheap) addEdge(graph, source, enter, Number.POSITIVE_INFINITY);
    else for (const operand of sources) addEdge(graph, nodes.get(operand)!.leave, enter, Number.POSITIVE_INFINITY);
    if (used.has(output)) addEdge(graph, leave, sink, Number.POSITIVE_INFINITY);
  }
  const nearSink = minCut(graph, source, sink);
  return [...nodes].flatMap(([variable, { enter, leave }]) => (!nearSink[enter] && nearSink[leave] ? [variable] : []));
}
