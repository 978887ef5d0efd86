"""One contender of the image rows: PyTorch or JAX on VGG10 or ResNet20, answering timing requests line by line.

    python image-peers.py (torch | torch-compile | jax) DATA_DIR (vgg10 | resnet20)

DATA_DIR holds x.f32 [N, 3, 32, 32], theta.f32 [P], v.f32 [P] (little-endian) and labels.u8 [N]. theta is split layer by
layer: convolution weight [O, C, 3, 3] (and bias for VGG10), then gamma and beta of its batch norm; dense weight [out, in],
bias. The loss is the mean cross-entropy with batch norm over this batch. Requests and answers are JSON objects, one a line:
    {"row": "hvp", "iterations": 3}  ->  {"milliseconds": [...], "processorMilliseconds": ..., "peakMegabytes": ..., "result": FILE}
Rows: gradient, hvp (whole product), hvp-linearized (primal pass done before). PyTorch tries both memory formats, its HVP
is double backward, and takes the faster format for a row (products: NCHW first, and that alone where it takes long);
compiled it is channels_last, forward over reverse.
"""

import json
import re
import sys
import time
import warnings
from pathlib import Path

import numpy as np

warnings.filterwarnings("ignore")

THREADS = 2
EPSILON = 1e-5
# Seconds after which a formulation is judged by its first call, no other one is tried, and no further call is timed.
LONG = 20


def shapes_of(network):
    shapes, channels = [], 3
    if network == "vgg10":
        for width in (8, 16, 32):
            for _ in range(3):
                shapes += [(width, channels, 3, 3), (width,), (width,), (width,)]
                channels = width
        return shapes + [(32, 512), (32,), (32,), (32,), (10, 32), (10,)]
    shapes, channels = [(16, 3, 3, 3), (16,), (16,)], 16
    for width in (16, 32, 64):
        for _ in range(3):
            shapes += [(width, channels, 3, 3), (width,), (width,), (width, width, 3, 3), (width,), (width,)]
            channels = width
    return shapes + [(10, 64), (10,)]


def splitter(network):
    shapes = shapes_of(network)

    def split(theta):
        parts, at = [], 0
        for shape in shapes:
            size = int(np.prod(shape))
            parts.append(theta[at : at + size].reshape(shape))
            at += size
        return iter(parts)

    return split


def load(folder):
    read = lambda name: np.fromfile(Path(folder) / f"{name}.f32", dtype="<f4")
    labels = np.fromfile(Path(folder) / "labels.u8", dtype=np.uint8)
    return read("x").reshape(len(labels), 3, 32, 32), labels, read("theta"), read("v")


def torch_contender(folder, network, compiled):
    import torch
    import torch.nn.functional as F

    torch.set_num_threads(THREADS)
    arrays = load(folder)
    images, theta, v = (torch.from_numpy(arrays[i]) for i in (0, 2, 3))
    labels = torch.from_numpy(arrays[1].astype(np.int64))
    split = splitter(network)

    def loss_in(memory_format):
        x = images.contiguous(memory_format=memory_format)

        def loss(theta):
            parts = split(theta)
            weight = lambda: next(parts).contiguous(memory_format=memory_format)
            norm = lambda h: F.batch_norm(h, None, None, next(parts), next(parts), True, 0.0, EPSILON)
            if network == "vgg10":
                h = x
                for _ in range(3):
                    for _ in range(3):
                        h = F.relu(norm(F.conv2d(h, weight(), next(parts), padding=1)))
                    h = F.max_pool2d(h, 2)
                h = F.relu(norm(F.linear(h.contiguous().flatten(1), next(parts), next(parts))))
            else:
                h, channels = F.relu(norm(F.conv2d(x, weight(), padding=1))), 16
                for width in (16, 32, 64):
                    for _ in range(3):
                        stride = 1 if width == channels else 2
                        past = h if stride == 1 else F.pad(h[:, :, ::2, ::2], (0, 0, 0, 0, 0, width - channels))
                        inner = F.relu(norm(F.conv2d(h, weight(), stride=stride, padding=1)))
                        h, channels = F.relu(norm(F.conv2d(inner, weight(), padding=1)) + past), width
                h = h.mean((2, 3))
            return F.cross_entropy(F.linear(h, next(parts), next(parts)), labels)

        return loss

    def gradient_of(loss, create_graph=False):
        point = theta.detach().requires_grad_(True)
        return torch.autograd.grad(loss(point), point, create_graph=create_graph)[0], point

    def calls(row):
        """The formulations of a row by name."""
        if compiled:
            loss = loss_in(torch.channels_last)
            gradient = torch.func.grad(loss)
            if row == "gradient":
                run = torch.compile(gradient)
                return {"": lambda: run(theta)}
            return {}
        formats = {"channels_last": torch.channels_last, "NCHW": torch.contiguous_format}
        if row != "gradient":
            formats = dict(reversed(formats.items()))
        made = {}
        for name, memory_format in formats.items():
            loss = loss_in(memory_format)
            if row == "gradient":
                made[name] = lambda loss=loss: gradient_of(loss)[0]
            elif row == "hvp":

                def product(loss=loss):
                    gradient, point = gradient_of(loss, create_graph=True)
                    return torch.autograd.grad(gradient, point, v)[0]

                made[name] = product
            else:

                def prepared(loss=loss):
                    gradient, point = gradient_of(loss, create_graph=True)
                    return lambda: torch.autograd.grad(gradient, point, v, retain_graph=True)[0]

                made[name] = prepared
        return made

    prepared_rows = {}

    def prepare(row):
        best = None
        for name, call in calls(row).items():
            run = call() if row == "hvp-linearized" else call
            took = seconds(run)
            if took < LONG:
                took = seconds(run)
            if best is None or took < best[0]:
                best = (took, name, run)
            # The loser's graph is freed here.
            run = call = None
            if took > LONG:
                break
        forget_peak()
        return best

    def answer(row, iterations):
        if row not in prepared_rows:
            prepared_rows[row] = prepare(row)
        if prepared_rows[row] is None:
            return None
        _, name, run = prepared_rows[row]
        return measure(run, iterations), name

    return answer


def jax_contender(folder, network):
    import os

    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    import jax
    import jax.numpy as jnp
    from jax import lax

    images, labels, theta, v = load(folder)
    # XLA's CPU convolutions want channels last.
    x, labels = jnp.asarray(images.transpose(0, 2, 3, 1)), jnp.asarray(labels.astype(np.int32))
    theta, v = jnp.asarray(theta), jnp.asarray(v)
    split = splitter(network)

    def convolve(h, weight, stride=1):
        kernel = weight.transpose(2, 3, 1, 0)
        padding = [(1, 1), (1, 1)]
        return lax.conv_general_dilated(h, kernel, (stride, stride), padding, dimension_numbers=("NHWC", "HWIO", "NHWC"))

    def norm(h, gamma, beta):
        axes = tuple(range(h.ndim - 1))
        mean = h.mean(axes)
        variance = ((h - mean) ** 2).mean(axes)
        return (h - mean) * (gamma * lax.rsqrt(variance + EPSILON)) + beta

    def pool(h):
        n, height, width, channels = h.shape
        return h.reshape(n, height // 2, 2, width // 2, 2, channels).max((2, 4))

    def loss(theta):
        parts = split(theta)
        if network == "vgg10":
            h = x
            for _ in range(3):
                for _ in range(3):
                    weight, bias = next(parts), next(parts)
                    h = jax.nn.relu(norm(convolve(h, weight) + bias, next(parts), next(parts)))
                h = pool(h)
            h = h.transpose(0, 3, 1, 2).reshape(h.shape[0], -1)
            weight, bias = next(parts), next(parts)
            h = jax.nn.relu(norm(h @ weight.T + bias, next(parts), next(parts)))
        else:
            h, channels = jax.nn.relu(norm(convolve(x, next(parts)), next(parts), next(parts))), 16
            for width in (16, 32, 64):
                for _ in range(3):
                    stride = 1 if width == channels else 2
                    past = h if stride == 1 else jnp.pad(h[:, ::2, ::2], ((0, 0), (0, 0), (0, 0), (0, width - channels)))
                    inner = jax.nn.relu(norm(convolve(h, next(parts), stride), next(parts), next(parts)))
                    h, channels = jax.nn.relu(norm(convolve(inner, next(parts)), next(parts), next(parts)) + past), width
            h = h.mean((1, 2))
        logits = h @ next(parts).T + next(parts)
        chosen = jnp.take_along_axis(jax.nn.log_softmax(logits), labels[:, None], axis=1)
        return -chosen.mean()

    made = {}

    def prepare(row):
        gradient = jax.grad(loss)
        if row == "gradient":
            run = jax.jit(gradient)
            call = lambda: run(theta)
        elif row == "hvp":
            run = jax.jit(lambda theta, v: jax.jvp(gradient, (theta,), (v,))[1])
            call = lambda: run(theta, v)
        else:
            _, linear = jax.linearize(gradient, theta)
            run = jax.jit(linear)
            call = lambda: run(v)
        return lambda: jax.block_until_ready(call())

    def answer(row, iterations):
        if row not in made:
            made[row] = prepare(row)
            made[row]()
            forget_peak()
        return measure(made[row], iterations), ""

    return answer


def forget_peak():
    """The kernel's high-water mark starts again: what compiling and choosing a formulation took does not count."""
    Path("/proc/self/clear_refs").write_text("5")


def seconds(call):
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def measure(call, iterations):
    times, before, value = [], time.process_time(), None
    for _ in range(iterations):
        start = time.perf_counter()
        value = call()
        times.append(1e3 * (time.perf_counter() - start))
        if sum(times) > 1e3 * LONG:
            break
    return times, 1e3 * (time.process_time() - before) / len(times), value


def main():
    name, folder, network = sys.argv[1:4]
    if name == "jax":
        answer = jax_contender(folder, network)
    else:
        answer = torch_contender(folder, network, name == "torch-compile")
    print(json.dumps({"ready": name}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        row = request["row"]
        given = answer(row, request["iterations"])
        if given is None:
            print(json.dumps({"absent": "torch.compile has no double backward"}), flush=True)
            continue
        (times, processor, value), variant = given
        result = str(Path(folder) / f"{name}-{row}.f32")
        np.asarray(value).astype("<f4").tofile(result)
        peak = int(re.search(r"VmHWM:\s*(\d+)", Path("/proc/self/status").read_text())[1]) / 1024
        print(
            json.dumps(
                {
                    "milliseconds": times,
                    "processorMilliseconds": processor,
                    "peakMegabytes": peak,
                    "result": result,
                    "variant": variant,
                }
            ),
            flush=True,
        )


if __name__ == "__main__":
    main()
