"""The published list of operations in PyTorch, and those of them that one line of JAX says."""
import math

from timing import samples

MATMULS = [
    (64, 784, 128), (128, 64, 784), (256, 256, 256), (512, 512, 512), (1024, 1024, 1024), (2048, 2048, 2048),
    (64, 128, 128), (64, 128, 10), (64, 9216, 128), (64, 128, 512), (1024, 256, 1024), (1024, 1024, 256),
    (1, 4096, 4096), (4096, 4096, 1), (16, 4096, 1024), (4096, 16, 4096), (32, 65536, 32)]
BATCHED = [(64, 128, 32, 128), (64, 128, 128, 32), (256, 16, 16, 16)]
# Batch, inputs, extent, kernel, outputs, stride, padding, groups.
CONVOLUTIONS = [
    (64, 1, 28, 3, 32, 1, 0, 1), (64, 32, 26, 3, 64, 1, 0, 1), (64, 16, 32, 3, 16, 1, 1, 1), (64, 64, 8, 3, 64, 1, 1, 1),
    (16, 64, 28, 1, 64, 1, 0, 1), (64, 1, 28, 5, 16, 2, 0, 1), (16, 64, 28, 3, 64, 1, 1, 64)]
SIZES = [10_000, 1 << 20, 1 << 24]
# Beside the layers in `layers`.
LARGE = {"cumsum 1048576", "sort 1048576", "topk 1048576 k100"}
# In needletail-bench of float32 alone.
FLOAT_ONLY = {"argmax axis1 4096x1024", "gather batch 64 of 60000x784", "max_pool2d backward 64x32x26x26"}


def time_all(row, options, dtype):
    cases = torch_cases(dtype) if options.framework == "torch" else jax_cases(dtype)
    for name, case in cases:
        if options.what == "layers" and not (name in LARGE or name.endswith("fwd+bwd")):
            continue
        if options.filter not in name or (dtype != "float32" and (name in FLOAT_ONLY or name.endswith("fwd+bwd"))):
            continue
        run, finish = case()
        row.write(options.what, name, dtype, *samples(run, finish, options.seconds))


def convolution_name(b, i, e, k, o, stride, padding, groups):
    name = f"{b}x{i}x{e}x{e} k{k} o{o}"
    return name + (f" s{stride}" if stride > 1 else "") + (f" p{padding}" if padding else "") + (
        f" g{groups}" if groups > 1 else "")


def torch_cases(dtype):
    """Names, and what makes the work: operands exist while their case is timed."""
    import torch
    torch.manual_seed(0)
    kind = getattr(torch, dtype)
    for name, make in torch_operations(torch, kind):
        def case(make=make):
            run = make()
            return run, lambda: None
        yield name, case


def torch_operations(torch, kind):
    import torch.nn.functional as F

    def normal(*shape):
        return torch.randn(*shape).to(kind)

    def plain(shapes, body):
        def make():
            operands = [normal(*shape) for shape in shapes]

            def run():
                with torch.no_grad():
                    body(*operands)
            return run
        return make

    def gradient(shape, body):
        """The gradient of `body` by its operand alone; the forward pass is not timed where PyTorch keeps its results."""
        def make():
            x = normal(*shape).requires_grad_()
            y = body(x)
            g = torch.randn(y.shape).to(kind)

            def run():
                torch.autograd.grad(y, x, g, retain_graph=True)
            return run
        return make

    for m, k, n in MATMULS:
        yield f"matmul {m}x{k}x{n}", plain([(m, k), (k, n)], lambda a, b: a @ b)
    yield "matmul A^T B 512x512x512", plain([(512, 512)] * 2, lambda a, b: a.t() @ b)
    yield "matmul A B^T 512x512x512", plain([(512, 512)] * 2, lambda a, b: a @ b.t())
    for b, m, k, n in BATCHED:
        yield f"bmm {b}x{m}x{k}x{n}", plain([(b, m, k), (b, k, n)], torch.bmm)
    for n in SIZES:
        yield f"add {n}", plain([(n,)] * 2, torch.add)
        yield f"exp {n}", plain([(n,)], torch.exp)
        yield f"gelu {n}", plain([(n,)], F.gelu)
        yield f"tanh {n}", plain([(n,)], torch.tanh)
        yield f"sum {n}", plain([(n,)], torch.sum)
        yield f"sigmoid(relu(a*b+a)) {n}", plain([(n,)] * 2, lambda a, b: torch.sigmoid(torch.relu(a * b + a)))
    n = 1 << 20
    for name, body in [("relu", torch.relu), ("sigmoid", torch.sigmoid), ("silu", F.silu), ("sin", torch.sin),
                       ("erf", torch.erf), ("sqrt(abs(a))", lambda a: a.abs().sqrt())]:
        yield f"{name} {n}", plain([(n,)], body)
    yield f"mul {n}", plain([(n,)] * 2, torch.mul)
    matrix = (4096, 1024)
    yield "add row 4096x1024", plain([matrix, (1024,)], torch.add)
    yield "add column 4096x1024", plain([matrix, (4096, 1)], torch.add)
    for name, body in [("sum axis0", lambda a: a.sum(0)), ("sum axis1", lambda a: a.sum(1)),
                       ("max axis0", lambda a: a.amax(0)), ("max axis1", lambda a: a.amax(1)),
                       ("argmax axis1", lambda a: a.argmax(1)), ("var axis1", lambda a: a.var(1)),
                       ("var axis0", lambda a: a.var(0)), ("logsumexp axis1", lambda a: a.logsumexp(1))]:
        yield f"{name} 4096x1024", plain([matrix], body)
    for axis in range(3):
        yield f"sum axis{axis} 64x64x1024", plain([(64, 64, 1024)], lambda a, axis=axis: a.sum(axis))
    yield "sum axes023 64x32x26x26", plain([(64, 32, 26, 26)], lambda a: a.sum((0, 2, 3)))
    for shape in [matrix, (64, 10)]:
        text = f"{shape[0]}x{shape[1]}"
        yield f"softmax {text}", plain([shape], lambda a: a.softmax(1))
        yield f"log_softmax {text}", plain([shape], lambda a: a.log_softmax(1))
        # With its forward pass, which our row's trace has too.
        yield f"softmax backward {text}", with_forward(torch, kind, shape, lambda a: a.softmax(1))
    yield "layer_norm 4096x1024", plain([matrix], lambda a: F.layer_norm(a, (1024,)))
    yield "layer_norm backward 4096x1024", with_forward(torch, kind, matrix, lambda a: F.layer_norm(a, (1024,)))
    for rows, classes in [(64, 10), (1024, 10_000)]:
        labels = torch.arange(rows) * 7919 % classes
        yield f"cross_entropy {rows}x{classes}", plain([(rows, classes)], lambda a, y=labels: F.cross_entropy(a, y))
    yield "transpose copy 4096x1024", plain([matrix], lambda a: a.t().contiguous())
    yield "permute 0213 8x128x8x32", plain([(8, 128, 8, 32)], lambda a: a.permute(0, 2, 1, 3).contiguous())
    yield "concatenate axis1 2x4096x512", plain([(4096, 512)] * 2, lambda a, b: torch.cat([a, b], 1))
    yield "cumsum 1048576", plain([(n,)], lambda a: a.cumsum(0))
    yield "cumsum axis1 1024x1024", plain([(1024, 1024)], lambda a: a.cumsum(1))
    yield "cumsum axis0 1024x1024", plain([(1024, 1024)], lambda a: a.cumsum(0))
    yield "sort 1048576", plain([(n,)], lambda a: a.sort(0))
    yield "sort axis1 1024x1024", plain([(1024, 1024)], lambda a: a.sort(1))
    yield "topk 1048576 k100", plain([(n,)], lambda a: a.topk(100))
    places = torch.arange(8192) * 7919 % 10_000
    yield "embedding 10000x128 of 8192", plain([(10_000, 128)], lambda a: a.index_select(0, places))
    yield "embedding backward 10000x128 of 8192", gradient((10_000, 128), lambda a: a.index_select(0, places))
    images, batch = (lambda: torch.randint(0, 256, (60_000, 784), dtype=torch.uint8)), torch.arange(64) * 7919 % 60_000

    def gather():
        pixels = images()
        return lambda: pixels.index_select(0, batch).float() * (1 / 255)
    yield "gather batch 64 of 60000x784", gather
    for case in CONVOLUTIONS:
        b, i, e, k, o, stride, padding, groups = case
        text, extent = convolution_name(*case), (e + 2 * padding - k) // stride + 1
        settings = dict(stride=stride, padding=padding, groups=groups)
        image, weight, out = (b, i, e, e), (o, i // groups, k, k), (b, o, extent, extent)

        def both(x, w, g, mask, settings=settings):
            torch.ops.aten.convolution_backward(
                g, x, w, None, [settings["stride"]] * 2, [settings["padding"]] * 2, [1, 1], False, [0, 0],
                settings["groups"], mask)
        yield f"conv2d {text}", plain([image, weight], lambda x, w, s=settings: F.conv2d(x, w, **s))
        yield f"conv2d input gradient {text}", plain(
            [image, weight, out], lambda x, w, g, both=both: both(x, w, g, [True, False, False]))
        yield f"conv2d weight gradient {text}", plain(
            [image, weight, out], lambda x, w, g, both=both: both(x, w, g, [False, True, False]))
    image = (64, 32, 26, 26)
    yield "max_pool2d 64x32x26x26", plain([image], lambda a: F.max_pool2d(a, 2))
    yield "avg_pool2d 64x32x26x26", plain([image], lambda a: F.avg_pool2d(a, 2))
    yield "max_pool2d backward 64x32x26x26", with_forward(torch, kind, image, lambda a: F.max_pool2d(a, 2))
    for causal in (False, True):
        yield f"attention {'causal ' if causal else ''}8x8x128x32", plain(
            [(8, 8, 128, 32)] * 3,
            lambda q, k, v, causal=causal: F.scaled_dot_product_attention(q, k, v, is_causal=causal))
    yield from torch_layers(torch)


def with_forward(torch, kind, shape, body):
    def make():
        x = torch.randn(*shape).to(kind).requires_grad_()
        g = torch.randn(body(x).shape).to(kind)

        def run():
            torch.autograd.grad(body(x), x, g)
        return run
    return make


def torch_layers(torch):
    """Layers with their backward pass."""
    import torch.nn as nn

    def both(make, *shape):
        def made():
            module, x = make(), torch.randn(*shape, requires_grad=True)

            def output():
                out = module(x)
                return out[0] if isinstance(out, tuple) else out
            # As needletail-bench's: behind a normalisation a gradient of ones has nothing but rounding noise before it.
            seed = torch.randn(output().shape)

            def run():
                module.zero_grad()
                x.grad = None
                output().backward(seed)
            return run
        return made

    class Attention(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.MultiheadAttention(256, 8, batch_first=True)

        def forward(self, x):
            return self.inner(x, x, x, need_weights=False)

    def embedding():
        module, tokens = nn.Embedding(10_000, 128), torch.arange(64 * 128).reshape(64, 128) * 7919 % 10_000
        seed = torch.randn(64, 128, 128)

        def run():
            module.zero_grad()
            module(tokens).backward(seed)
        return run
    yield "lstm 64x28x28 h128 fwd+bwd", both(lambda: nn.LSTM(28, 128, batch_first=True), 64, 28, 28)
    yield "gru 64x28x28 h128 fwd+bwd", both(lambda: nn.GRU(28, 128, batch_first=True), 64, 28, 28)
    yield "attention 8x128x256 h8 fwd+bwd", both(Attention, 8, 128, 256)
    yield "encoder layer 8x128x256 h8 ff1024 fwd+bwd", both(
        lambda: nn.TransformerEncoderLayer(256, 8, 1024, dropout=0, batch_first=True), 8, 128, 256)
    yield "embedding 10000x128 of 64x128 fwd+bwd", embedding
    yield "conv1d 32x64x1024 k3 o64 fwd+bwd", both(lambda: nn.Conv1d(64, 64, 3), 32, 64, 1024)
    yield "group_norm 64x32x26x26 g8 fwd+bwd", both(lambda: nn.GroupNorm(8, 32), 64, 32, 26, 26)
    yield "batch_norm 64x32x26x26 fwd+bwd", both(lambda: nn.BatchNorm2d(32), 64, 32, 26, 26)


def jax_cases(dtype):
    """Names, and what makes the work; each is compiled once."""
    import jax
    import jax.numpy as jnp
    import numpy as np

    def case(shapes, body):
        def make():
            generator = np.random.default_rng(0)
            operands = [jnp.asarray(generator.standard_normal(shape), dtype) for shape in shapes]
            compiled = jax.jit(body)
            held = [compiled(*operands)]

            def run():
                held[0] = compiled(*operands)
            return run, lambda: jax.block_until_ready(held[0])
        return make
    for m, k, n in MATMULS:
        yield f"matmul {m}x{k}x{n}", case([(m, k), (k, n)], jnp.matmul)
    for b, m, k, n in BATCHED:
        yield f"bmm {b}x{m}x{k}x{n}", case([(b, m, k), (b, k, n)], jnp.matmul)
    for n in SIZES:
        yield f"add {n}", case([(n,)] * 2, jnp.add)
        yield f"exp {n}", case([(n,)], jnp.exp)
        yield f"gelu {n}", case([(n,)], lambda a: jax.nn.gelu(a, approximate=False))
        yield f"tanh {n}", case([(n,)], jnp.tanh)
        yield f"sum {n}", case([(n,)], jnp.sum)
        yield f"sigmoid(relu(a*b+a)) {n}", case([(n,)] * 2, lambda a, b: jax.nn.sigmoid(jax.nn.relu(a * b + a)))
    matrix = (4096, 1024)
    for name, body in [("sum axis0", lambda a: a.sum(0)), ("sum axis1", lambda a: a.sum(1)),
                       ("max axis0", lambda a: a.max(0)), ("max axis1", lambda a: a.max(1)),
                       ("var axis1", lambda a: a.var(1, ddof=1)), ("var axis0", lambda a: a.var(0, ddof=1)),
                       ("logsumexp axis1", lambda a: jax.nn.logsumexp(a, 1)), ("softmax", lambda a: jax.nn.softmax(a, 1)),
                       ("log_softmax", lambda a: jax.nn.log_softmax(a, 1)),
                       ("transpose copy", lambda a: a.T.copy())]:
        yield f"{name} 4096x1024", case([matrix], body)
    yield "cumsum 1048576", case([(1 << 20,)], jnp.cumsum)
    yield "sort 1048576", case([(1 << 20,)], lambda a: jax.lax.sort_key_val(a, jnp.arange(1 << 20)))
    yield "topk 1048576 k100", case([(1 << 20,)], lambda a: jax.lax.top_k(a, 100))
    for q in CONVOLUTIONS:
        b, i, e, k, o, stride, padding, groups = q
        yield f"conv2d {convolution_name(*q)}", case(
            [(b, i, e, e), (o, i // groups, k, k)],
            lambda x, w, s=stride, p=padding, g=groups: jax.lax.conv_general_dilated(
                x, w, (s, s), [(p, p)] * 2, feature_group_count=g))

    def attend(q, k, v):
        return jax.nn.softmax(q @ k.swapaxes(-1, -2) / math.sqrt(32), -1) @ v
    yield "attention 8x8x128x32", case([(8, 8, 128, 32)] * 3, attend)
