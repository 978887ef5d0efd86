import { EigenvalueDecomposition, Matrix } from "ml-matrix";

export interface SymmetricEigen {
  /** Descending. */
  readonly values: readonly number[];
  /** `vectors[i][j]` is component i of eigenvector j. */
  readonly vectors: readonly (readonly number[])[];
}

/** All eigenpairs of a small dense symmetric matrix, largest value first. */
export function symmetricEigen(matrix: readonly (readonly number[])[]): SymmetricEigen {
  if (matrix.length === 0) return { values: [], vectors: [] };
  const { realEigenvalues, eigenvectorMatrix } = new EigenvalueDecomposition(
    new Matrix(matrix.map((row) => [...row])),
    { assumeSymmetric: true },
  );
  const order = realEigenvalues.map((_, i) => i).sort((a, b) => realEigenvalues[b]! - realEigenvalues[a]!);
  return {
    values: order.map((i) => realEigenvalues[i]!),
    vectors: matrix.map((_, row) => order.map((column) => eigenvectorMatrix.get(row, column))),
  };
}

/** All eigenpairs of the symmetric tridiagonal matrix with diagonal α `[m]` and sub-diagonal β `[m − 1]`, largest first. */
export function tridiagonalEigen(alpha: ArrayLike<number>, beta: ArrayLike<number>): SymmetricEigen {
  const m = alpha.length;
  return symmetricEigen(
    Array.from({ length: m }, (_, i) =>
      Array.from({ length: m }, (_, j) => {
        if (i === j) return alpha[i]!;
        return Math.abs(i - j) === 1 ? beta[Math.min(i, j)]! : 0;
      }),
    ),
  );
}

/**
 * The Gauss quadrature of a Lanczos run: nodes are Ritz values, weights squared first components of T's eigenvectors
 * (Golub and Welsch 1969). Σ weights·f(nodes) ≈ vᵀf(H)v for the start vector v, exactly for polynomials of degree < 2m.
 */
export function gaussQuadrature(
  alpha: ArrayLike<number>,
  beta: ArrayLike<number>,
): { readonly nodes: readonly number[]; readonly weights: readonly number[] } {
  const { values, vectors } = tridiagonalEigen(alpha, beta);
  return { nodes: values, weights: (vectors[0] ?? []).map((component) => component ** 2) };
}
