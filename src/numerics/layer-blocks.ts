import type { FloatArray } from "./float-array.ts";
import { withHessian } from "./hessian.ts";
import type { Matvec } from "./lanczos.ts";
import type { Network, ParameterSlice } from "./networks.ts";
import type { CurvatureObjective, HessianProducts } from "./objective.ts";
import type { SpectrumOptions } from "./spectrum.ts";
import { type TopEigenpairs, topEigenpairs } from "./top-eigenpairs.ts";

/** The parameters of one layer: where they lie in θ, in ascending order. */
export interface LayerBlock {
  readonly name: string;
  readonly slices: readonly Pick<ParameterSlice, "offset" | "size">[];
  readonly numParams: number;
}

/** The layers that have parameters, in their order: tensors named `LAYER.weight`, `LAYER.bias` and so on belong together. */
export function layerBlocks({ layout }: Pick<Network, "layout">): LayerBlock[] {
  const layers = new Map<string, { readonly offset: number; readonly size: number }[]>();
  for (const { name, offset, size } of layout) {
    const layer = name.includes(".") ? name.slice(0, name.lastIndexOf(".")) : name;
    const slices = layers.get(layer) ?? [];
    slices.push({ offset, size });
    layers.set(layer, slices);
  }
  return [...layers].map(([name, slices]) => ({
    name,
    slices: slices.sort((a, b) => a.offset - b.offset),
    numParams: slices.reduce((total, { size }) => total + size, 0),
  }));
}

/** The diagonal block of a symmetric operator of order n on a layer's parameters: v is filled up with zeros, Hv cut out. */
export function blockOperator(matvec: Matvec, n: number, { slices, numParams }: LayerBlock): Matvec {
  return async (v) => {
    const whole = v instanceof Float32Array ? new Float32Array(n) : new Float64Array(n);
    let at = 0;
    for (const { offset, size } of slices) {
      whole.set(v.subarray(at, at + size), offset);
      at += size;
    }
    const product = await matvec(whole);
    const part = product instanceof Float32Array ? new Float32Array(numParams) : new Float64Array(numParams);
    at = 0;
    for (const { offset, size } of slices) {
      part.set(product.subarray(offset, offset + size), at);
      at += size;
    }
    return part;
  };
}

export interface LayerEigenpairs extends TopEigenpairs {
  readonly layer: string;
}

/**
 * The k largest eigenpairs of each layer's diagonal block of the Hessian at θ `[P]`. By Cauchy's interlacing a layer's i-th
 * eigenvalue is at most the whole Hessian's i-th. All products share the primal pass. `warmStart`: the result of a nearby θ.
 */
export function layerEigenpairs(
  objective: HessianProducts & Pick<CurvatureObjective, "network">,
  theta: FloatArray,
  k: number,
  { warmStart, ...options }: SpectrumOptions & { readonly warmStart?: readonly LayerEigenpairs[] } = {},
): Promise<LayerEigenpairs[]> {
  const { network, numParams, float } = objective;
  return withHessian(objective, theta, async (matvec) => {
    const found: LayerEigenpairs[] = [];
    for (const block of layerBlocks(network)) {
      const before = warmStart?.find(({ layer }) => layer === block.name);
      const pairs = await topEigenpairs(
        blockOperator(matvec, numParams, block),
        block.numParams,
        Math.min(k, block.numParams),
        {
          ...options,
          precision: float,
          ...(before === undefined ? {} : { warmStart: before.restartVectors }),
        },
      );
      found.push({ layer: block.name, ...pairs });
    }
    return found;
  });
}
