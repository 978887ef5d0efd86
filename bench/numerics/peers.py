"""One contender of bench/numerics: PyTorch or JAX on the paper's MLP, answering timing requests line by line.

    python peers.py (torch | torch-compile | jax) DATA_DIR

DATA_DIR holds little-endian float32: x.f32 [784, 1000], y.f32 (one-hot) [10, 1000], theta.f32 [R, 28480] with R = 47,
v.f32 of the same shape. Requests and answers are JSON objects, one a line:
    {"row": "step", "replicas": 8, "iterations": 20}  ->  {"milliseconds": [...], "loss": ..., "norm": ...}
Rows: step (gradient and the update, one call), descent (STEPS steps in one call where the tool can; time per step),
hvp (whole product), hvp-linearized (primal pass done before).
`loss` and `norm` (of the gradient or of Hv, replica 0) let the caller check that all contenders compute the same thing
before it believes any time. Each contender uses the formulation that its users would: batched products for the
replicas in PyTorch, vmap in JAX; PyTorch's HVP is double backward or forward-over-reverse, whichever is faster here.
"""

import json
import sys
import time
import warnings
from pathlib import Path

import numpy as np

warnings.filterwarnings("ignore")

LAYERS = [784, 32, 32, 32, 32, 10]
ETA = 0.01
THREADS = 2
STEPS = 10


def load(folder):
    read = lambda name, shape: np.fromfile(Path(folder) / name, dtype="<f4").reshape(shape)
    count = sum(a * b for a, b in zip(LAYERS, LAYERS[1:]))
    return read("x.f32", (784, -1)), read("y.f32", (10, -1)), read("theta.f32", (-1, count)), read("v.f32", (-1, count))


def split(theta):
    """theta [R, P] -> weights [R, out, in], layer by layer."""
    weights, at = [], 0
    for fan_in, fan_out in zip(LAYERS, LAYERS[1:]):
        size = fan_in * fan_out
        weights.append(theta[:, at : at + size].reshape(theta.shape[0], fan_out, fan_in))
        at += size
    return weights


def measure(call, iterations, sync=lambda value: value):
    sync(call())
    sync(call())
    times = []
    for _ in range(iterations):
        start = time.perf_counter()
        value = sync(call())
        times.append(1e3 * (time.perf_counter() - start))
    return times, value


def torch_contender(folder, compiled):
    import torch

    torch.set_num_threads(THREADS)
    x, y, theta_all, v_all = (torch.from_numpy(array) for array in load(folder))
    samples = x.shape[1]
    labels = y.argmax(0)

    def losses(theta):
        if theta.shape[0] == 1:
            # One network as its users write it: samples as rows, plain linear layers.
            hidden = x.T
            weights = split(theta)
            for weight in weights[:-1]:
                hidden = torch.relu(torch.nn.functional.linear(hidden, weight[0]))
            return torch.nn.functional.cross_entropy(torch.nn.functional.linear(hidden, weights[-1][0]), labels)[None]
        weights = split(theta)
        hidden = (weights[0].reshape(-1, LAYERS[0]) @ x).reshape(theta.shape[0], LAYERS[1], samples)
        for weight in weights[1:]:
            hidden = torch.bmm(weight, torch.relu(hidden))
        return -(torch.log_softmax(hidden, 1) * y).sum((1, 2)) / samples

    total = lambda theta: losses(theta).sum()
    gradient = torch.func.grad(total)

    def step(theta):
        grads, values = torch.func.grad_and_value(lambda t: (lambda l: (l.sum(), l))(losses(t)), has_aux=True)(theta)
        return theta - ETA * grads, values[1], grads

    def step_autograd(theta):
        theta = theta.detach().requires_grad_(True)
        value = losses(theta)
        (grads,) = torch.autograd.grad(value.sum(), theta)
        with torch.no_grad():
            return theta - ETA * grads, value.detach(), grads

    def hvp_forward(theta, v):
        return torch.func.jvp(gradient, (theta,), (v,))[1]

    def hvp_double_backward(theta, v):
        theta = theta.detach().requires_grad_(True)
        (grads,) = torch.autograd.grad(total(theta), theta, create_graph=True)
        return torch.autograd.grad((grads * v).sum(), theta)[0]

    # torch.compile traces the functional forms; eager autograd is the faster eager form.
    run_step = torch.compile(step) if compiled else step_autograd
    hvps = [torch.compile(hvp_forward)] if compiled else [hvp_forward, hvp_double_backward]

    def answer(row, replicas, iterations):
        theta, v = theta_all[:replicas].clone(), v_all[:replicas].clone()
        if row == "step":
            times, (_, value, grads) = measure(lambda: run_step(theta), iterations)
            return times, float(value[0]), float(grads[0].norm())
        if row == "descent":

            def descend():
                current = theta
                for _ in range(STEPS):
                    current, value, grads = run_step(current)
                return current, value, grads

            times, _ = measure(descend, iterations)
            _, value, grads = run_step(theta)
            return [time / STEPS for time in times], float(value[0]), float(grads[0].norm())
        if row == "hvp":
            runs = [measure(lambda hvp=hvp: hvp(theta, v), iterations) for hvp in hvps]
            times, product = min(runs, key=lambda run: float(np.median(run[0])))
            return times, float(losses(theta)[0]), float(product[0].norm())
        if row == "hvp-linearized" and not compiled:
            _, linear = torch.func.linearize(gradient, theta)
            times, product = measure(lambda: linear(v), iterations)
            return times, float(losses(theta)[0]), float(product[0].norm())
        return None

    return answer


def jax_contender(folder):
    import os

    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    import jax
    import jax.numpy as jnp

    x, y, theta_all, v_all = (jnp.asarray(array) for array in load(folder))
    samples = x.shape[1]

    def loss(theta):
        weights = [weight[0] for weight in split(theta[None])]
        hidden = weights[0] @ x
        for weight in weights[1:]:
            hidden = weight @ jax.nn.relu(hidden)
        return -(jax.nn.log_softmax(hidden, axis=0) * y).sum() / samples

    batched = lambda function, replicas: (lambda *a: jax.tree.map(lambda o: o[None], function(*(b[0] for b in a)))) if replicas == 1 else jax.vmap(function)

    def step(theta):
        value, grads = jax.value_and_grad(loss)(theta)
        return theta - ETA * grads, value, grads

    hvp = lambda theta, v: jax.jvp(jax.grad(loss), (theta,), (v,))[1]
    cache = {}

    def compiled(name, replicas, function):
        return cache.setdefault((name, replicas), jax.jit(batched(function, replicas)))

    def answer(row, replicas, iterations):
        theta, v = theta_all[:replicas], v_all[:replicas]
        value = float(loss(theta[0]))
        if row == "step":
            run = compiled(row, replicas, step)
            times, (_, _, grads) = measure(lambda: run(theta), iterations, jax.block_until_ready)
            return times, value, float(jnp.linalg.norm(grads[0]))
        if row == "descent":
            # The loop inside the compiled program, as JAX's users write it.
            run = compiled(row, replicas, lambda t: jax.lax.fori_loop(0, STEPS, lambda _, c: step(c)[0], t))
            times, _ = measure(lambda: run(theta), iterations, jax.block_until_ready)
            _, _, grads = compiled("step", replicas, step)(theta)
            return [time / STEPS for time in times], value, float(jnp.linalg.norm(grads[0]))
        if row == "hvp":
            run = compiled(row, replicas, hvp)
            times, product = measure(lambda: run(theta, v), iterations, jax.block_until_ready)
            return times, value, float(jnp.linalg.norm(product[0]))
        if row == "hvp-linearized":
            if (row, replicas) not in cache:
                _, linear = jax.linearize(batched(jax.grad(loss), replicas), theta)
                cache[(row, replicas)] = jax.jit(linear)
            run = cache[(row, replicas)]
            times, product = measure(lambda: run(v), iterations, jax.block_until_ready)
            return times, value, float(jnp.linalg.norm(product[0]))
        return None

    return answer


def main():
    name, folder = sys.argv[1], sys.argv[2]
    answer = jax_contender(folder) if name == "jax" else torch_contender(folder, name == "torch-compile")
    print(json.dumps({"ready": name}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        result = answer(request["row"], request["replicas"], request["iterations"])
        if result is None:
            print(json.dumps({"absent": True}), flush=True)
        else:
            times, loss, norm = result
            print(json.dumps({"milliseconds": times, "loss": loss, "norm": norm}), flush=True)


if __name__ == "__main__":
    main()
