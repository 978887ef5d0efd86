"""SciPy's ARPACK on the Hessians of a trajectory: how many Hessian-vector products the top k eigenpairs take.

    python arpack.py DATA_DIR TOL K [K…]

DATA_DIR holds x.f32 and y.f32 as for peers.py and path.f32 [T, 28480], θ along the trajectory. The operator is JAX's
Hessian-vector product in float32, like ours. Prints one JSON object: for each K and way to call eigsh the products it
took in total, and for every checkpoint the eigenvalues and the largest residual ‖Hv − λv‖/λ₁ (computed anew, not counted).

ARPACK stops when each residual is below tol·|λ_i| of its own pair; asked for is tol·λ₁ for all. It is first given the
tolerance that is looser by λ₁/λ_k, and the stricter one only where the result then misses what is asked for.
"""

import json
import sys

import numpy as np

from peers import LAYERS, load, split

SEED = 0


def main():
    folder, tol, ks = sys.argv[1], float(sys.argv[2]), [int(k) for k in sys.argv[3:]]
    import jax
    import jax.numpy as jnp
    from scipy.sparse.linalg import LinearOperator, eigsh

    x, y, _, _ = load(folder)
    path = np.fromfile(f"{folder}/path.f32", dtype="<f4").reshape(-1, sum(a * b for a, b in zip(LAYERS, LAYERS[1:])))

    def loss(theta):
        weights = [weight[0] for weight in split(theta[None])]
        hidden = weights[0] @ x
        for weight in weights[1:]:
            hidden = weight @ jax.nn.relu(hidden)
        return -(jax.nn.log_softmax(hidden, axis=0) * y).sum() / x.shape[1]

    hvp = jax.jit(lambda theta, v: jax.jvp(jax.grad(loss), (theta,), (v,))[1])
    n = path.shape[1]
    random = np.random.default_rng(SEED)

    def solve(theta, k, start, ncv, tolerance):
        products = 0

        def matvec(v):
            nonlocal products
            products += 1
            return np.asarray(hvp(theta, jnp.asarray(v, dtype=jnp.float32)))

        operator = LinearOperator((n, n), matvec=matvec, dtype=np.float32)
        values, vectors = eigsh(operator, k=k, which="LA", tol=tolerance, ncv=ncv, v0=start)
        order = np.argsort(-values)
        values, vectors = values[order], vectors[:, order]
        counted = products
        residuals = [
            float(np.linalg.norm(matvec(vectors[:, i]).astype(np.float64) - values[i] * vectors[:, i].astype(np.float64)))
            for i in range(k)
        ]
        return values, vectors, max(residuals) / float(values[0]), counted

    def follow(k, ncv, warm):
        total, found, start, ratio = 0, [], None, 1.0
        for theta in path:
            first = start if warm and start is not None else random.standard_normal(n).astype(np.float32)
            # λ₁/λ_k changes little from one checkpoint to the next.
            values, vectors, worst, products = solve(theta, k, first, ncv, tol * ratio)
            if worst > tol:
                values, vectors, worst, products = solve(theta, k, first, ncv, tol)
            total += products
            found.append({"values": [float(value) for value in values], "worst": worst})
            start = vectors.sum(axis=1)
            ratio = float(values[0] / values[-1])
        return {"products": total, "checkpoints": found}

    results = {}
    for k in ks:
        results[k] = {"default": follow(k, None, False), "warm": follow(k, None, True)}
        for ncv in (2 * k + 2, 3 * k + 3, 4 * k + 3):
            results[k][f"ncv={ncv}"] = follow(k, ncv, False)
    print(json.dumps(results))


if __name__ == "__main__":
    main()
