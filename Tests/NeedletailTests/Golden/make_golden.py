#!/usr/bin/env python3
"""Writes the golden files beside this script: what PyTorch computes, for GoldenTests.swift to compare with.

    python make_golden.py        # needs torch and safetensors; the files are the same at every run

A case NAME has inputs NAME/in0, NAME/in1, ..., the result NAME/out and, where gradients are compared, the gradient by the
result NAME/g and the gradients by the inputs NAME/d0, NAME/d1, ... Float results are computed in float64 from the float32
inputs and then rounded, so that the files hold the truth and not one library's rounding.
"""

import math
import pathlib

import torch
import torch.nn.functional as F
from safetensors.torch import save_file

HERE = pathlib.Path(__file__).parent
generator = torch.Generator().manual_seed(20260726)


def normal(*shape, scale=1.0):
    return torch.randn(shape, generator=generator) * scale


def integers(bound, *shape):
    return torch.randint(0, bound, shape, generator=generator)


class Golden:
    """The cases of one file."""

    def __init__(self, name):
        self.name = name
        self.tensors = {}

    def put(self, name, tensor):
        assert name not in self.tensors, name
        if tensor.dtype == torch.float64:
            tensor = tensor.float()
        self.tensors[name] = tensor.detach().clone().contiguous()

    def case(self, name, function, *inputs, gradients=True):
        wide = [
            tensor.double().requires_grad_(gradients) if tensor.dtype == torch.float32 else tensor for tensor in inputs
        ]
        out = function(*wide)
        for index, tensor in enumerate(inputs):
            self.put(f"{name}/in{index}", tensor)
        self.put(f"{name}/out", out)
        if not gradients:
            return
        g = normal(*out.shape)
        out.backward(g.double())
        self.put(f"{name}/g", g)
        for index, tensor in enumerate(wide):
            if tensor.requires_grad and tensor.grad is not None:
                self.put(f"{name}/d{index}", tensor.grad)

    def exact(self, name, function, *inputs):
        """A case whose result is taken as it is, dtype included."""
        for index, tensor in enumerate(inputs):
            self.put(f"{name}/in{index}", tensor)
        self.tensors[f"{name}/out"] = function(*inputs).detach().clone().contiguous()

    def save(self):
        path = HERE / f"{self.name}.safetensors"
        save_file(self.tensors, str(path))
        path.chmod(0o644)
        print(f"{path.name}: {len(self.tensors)} tensors, {path.stat().st_size} bytes")


def convolution():
    golden = Golden("convolution")
    windows = [
        # name, input, weight, stride, padding, dilation, groups
        ("plain", (2, 3, 6, 5), (4, 3, 3, 3), (1, 1), (0, 0), (1, 1), 1),
        ("padded", (2, 2, 5, 5), (3, 2, 3, 3), (1, 1), (1, 1), (1, 1), 1),
        ("strided", (1, 2, 8, 7), (3, 2, 3, 2), (2, 3), (1, 0), (1, 1), 1),
        ("dilated", (1, 2, 9, 8), (2, 2, 3, 2), (1, 2), (2, 1), (2, 3), 1),
        ("grouped", (2, 4, 5, 6), (6, 2, 3, 3), (1, 1), (1, 1), (1, 1), 2),
        ("depthwise", (1, 3, 6, 6), (6, 1, 3, 3), (2, 2), (1, 1), (1, 1), 3),
        ("pointwise", (2, 5, 3, 4), (4, 5, 1, 1), (1, 1), (0, 0), (1, 1), 1),
        ("one_channel", (2, 1, 9, 9), (5, 1, 5, 5), (1, 1), (2, 2), (1, 1), 1),
        ("unread_border", (1, 1, 6, 6), (2, 1, 3, 3), (2, 2), (0, 0), (1, 1), 1),
    ]
    for name, x, w, stride, padding, dilation, groups in windows:
        golden.case(
            name,
            lambda x, w, b: F.conv2d(x, w, b, stride, padding, dilation, groups),
            normal(*x),
            normal(*w, scale=0.5),
            normal(w[0]),
        )
    pools = normal(2, 2, 7, 6)
    golden.case("max_pool", lambda x: F.max_pool2d(x, 2), pools)
    golden.case("max_pool_overlap", lambda x: F.max_pool2d(x, 3, 2), pools)
    golden.case("max_pool_padded", lambda x: F.max_pool2d(x, 3, (1, 2), 1), pools)
    golden.case("max_pool_dilated", lambda x: F.max_pool2d(x, 2, 1, 0, 2), pools)
    golden.case("max_pool_ties", lambda x: F.max_pool2d(x, 2, 1), integers(2, 1, 1, 4, 4).float())
    golden.case("avg_pool", lambda x: F.avg_pool2d(x, 2), pools)
    golden.case("avg_pool_overlap", lambda x: F.avg_pool2d(x, (3, 2), (2, 1)), pools)
    golden.case("avg_pool_padded", lambda x: F.avg_pool2d(x, 3, 2, 1), pools)
    golden.case("avg_pool_padding_not_counted", lambda x: F.avg_pool2d(x, 3, 2, 1, count_include_pad=False), pools)
    golden.save()


UNARY = {
    "negate": torch.neg,
    "abs": torch.abs,
    "sign": torch.sign,
    "square": torch.square,
    "exp": torch.exp,
    "expm1": torch.expm1,
    "sin": torch.sin,
    "cos": torch.cos,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "erf": torch.erf,
    "relu": torch.relu,
    "floor": torch.floor,
    "ceil": torch.ceil,
    "round": torch.round,
    "trunc": torch.trunc,
    "gelu": F.gelu,
    "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"),
    "silu": F.silu,
    "softplus": F.softplus,
    "log_sigmoid": F.logsigmoid,
    "leaky_relu": F.leaky_relu,
    "elu": F.elu,
    "clamp": lambda x: torch.clamp(x, -0.5, 1.5),
    "cube": lambda x: x**3,
}
POSITIVE = {
    "sqrt": torch.sqrt,
    "rsqrt": torch.rsqrt,
    "log": torch.log,
    "reciprocal": torch.reciprocal,
    "power": lambda x: x**2.5,
    "power_negative": lambda x: x**-1.5,
}


def pointwise():
    golden = Golden("pointwise")
    # 0, where one-sided derivatives differ; halves, for rounding; near 0, for expm1; far out, for saturation.
    points = torch.tensor(
        [0.0, 1e-6, -1e-6, 0.125, -0.125, 0.5, -0.5, 1.5, -1.5, 2.5, 1.0, -1.0, 3.3, -3.3, 7.0, -7.0, 15.0, -15.0, 31.0, -31.0]
    )
    for name, function in UNARY.items():
        golden.case(name, function, points)
    positive = torch.tensor([1e-6, 0.01, 0.25, 0.5, 0.999, 1.0, 1.001, 2.0, math.e, 10.0, 1000.0, 1e6])
    for name, function in POSITIVE.items():
        golden.case(name, function, positive)
    golden.case("log1p", torch.log1p, torch.tensor([-0.99, -0.5, -1e-6, 0.0, 1e-6, 1e-3, 0.5, 3.0, 1e5]))
    golden.case("tan", torch.tan, torch.tensor([-1.5, -1.0, -0.1, 0.0, 0.1, 1.0, 1.5]))
    special = torch.tensor([math.nan, math.inf, -math.inf, 0.0, -0.0, 88.0, 89.5, -88.0, -104.0, 1e30, -1e30])
    for name in ["negate", "abs", "sign", "square", "exp", "expm1", "tanh", "sigmoid", "erf", "relu", "floor", "round",
                 "softplus", "clamp"]:
        golden.case(f"special_{name}", UNARY[name], special, gradients=False)
    for name in ["sqrt", "rsqrt", "log", "reciprocal"]:
        golden.case(f"special_{name}", POSITIVE[name], special, gradients=False)
    a, b, row = normal(3, 4), normal(3, 4), normal(4)
    column = normal(3, 1)
    golden.case("add", lambda a, b: a + b, a, row)
    golden.case("subtract", lambda a, b: a - b, column, row)
    golden.case("multiply", lambda a, b: a * b, a, column)
    golden.case("divide", lambda a, b: a / b, a, row.abs() + 0.5)
    golden.case("scalar_left", lambda a: 2.0 - 3.0 / (a * a + 1.0), a)
    golden.case("maximum", torch.maximum, a, b)
    golden.case("minimum", torch.minimum, a, torch.where(integers(2, 3, 4) > 0, a, b))
    golden.case("pow_tensor", torch.pow, a.abs() + 0.1, row)
    golden.case("where", lambda c, a, b: torch.where(c, a, b), integers(2, 3, 4) > 0, a, row)
    golden.case("repeated_use", lambda a: a * a + a * torch.sin(a), a)
    remainders = torch.tensor([5.0, -5.0, 5.0, -5.0, 0.5, 7.25]), torch.tensor([3.0, 3.0, -3.0, -3.0, 0.2, 2.5])
    golden.case("remainder", torch.remainder, *remainders, gradients=False)
    golden.save()


def reductions():
    golden = Golden("reductions")
    x = normal(3, 4, 5)
    golden.case("sum", lambda x: x.sum(), x)
    golden.case("sum_middle", lambda x: x.sum(1), x)
    golden.case("sum_outer_kept", lambda x: x.sum((0, 2), keepdim=True), x)
    golden.case("mean_last", lambda x: x.mean(-1), x)
    golden.case("max_last", lambda x: torch.amax(x, 2), x)
    golden.case("min_outer", lambda x: torch.amin(x, (0, 1)), x)
    golden.case("max_ties", lambda x: torch.amax(x, 1), integers(3, 4, 6).float())
    golden.case("prod", lambda x: x.prod(2), x)
    golden.case("variance", lambda x: x.var(2), x)
    golden.case("variance_biased", lambda x: x.var((0, 1), correction=0), x)
    golden.case("variance_far_from_zero", lambda x: x.var(1), normal(2, 64) + 1000)
    golden.case("std", lambda x: x.std(), x)
    golden.case("log_sum_exp", lambda x: torch.logsumexp(x * 30, 2), x)
    golden.case("softmax", lambda x: torch.softmax(x * 5, 1), x)
    golden.case("softmax_large", lambda x: torch.softmax(x, -1), torch.tensor([[1000.0, 999.0, -1000.0], [0.0, 0.0, 0.0]]))
    golden.case("log_softmax", lambda x: torch.log_softmax(x * 5, -1), x)
    nan = x[0].clone()
    nan[1, 2] = math.nan
    golden.exact("max_nan", lambda x: torch.amax(x, 1), nan)
    golden.exact("argmax_nan", lambda x: x.argmax(1), nan)
    golden.exact("argmax", lambda x: x.argmax(1), x)
    golden.exact("argmin_all", lambda x: x.argmin(), x)
    golden.exact("sum_bool", lambda x: x.sum(), integers(2, 7) > 0)
    golden.exact("sum_uint8", lambda x: x.sum(0), integers(256, 40, 2).to(torch.uint8))
    golden.exact("any", lambda x: x.any(1), torch.tensor([[0, 0], [0, 2], [1, 1]]))
    golden.exact("all", lambda x: x.all(1), torch.tensor([[0, 0], [0, 2], [1, 1]]))
    golden.save()


def selection():
    golden = Golden("selection")
    x = normal(4, 5)
    index = integers(4, 3, 5)
    golden.case("gather_rows", lambda x, i: torch.gather(x, 0, i), x, index)
    golden.case("gather_columns", lambda x, i: torch.gather(x, 1, i), x, integers(5, 4, 3))
    golden.case("index_select", lambda x, i: torch.index_select(x, 0, i), x, torch.tensor([2, 0, 2, 3, 2]))
    golden.case("index_select_last", lambda x, i: torch.index_select(x, 1, i), x, torch.tensor([4, 4, 0]))
    golden.case("scatter_add", lambda x, i, s: torch.scatter_add(x, 0, i, s), x, index, normal(3, 5))
    golden.case("scatter_add_last", lambda x, i, s: torch.scatter_add(x, 1, i, s), x, integers(5, 4, 7), normal(4, 7))
    golden.exact("one_hot", lambda i: F.one_hot(i, 4).float(), torch.tensor([2, 0, 3, 3]))
    golden.case("slice", lambda x: x[1:4, ::2], x)
    golden.case("flip", lambda x: x.flip(0, 1), x)
    golden.case("permute", lambda x: x.permute(2, 0, 1), normal(2, 3, 4))
    golden.case("expand", lambda x: x.expand(3, 2, 5), normal(2, 1))
    golden.case("concatenate", lambda a, b: torch.cat([a, b], 1), x, normal(4, 2))
    golden.case("stack", lambda a, b: torch.stack([a, b], 1), x, normal(4, 5))
    golden.case("pad", lambda x: F.pad(x, (1, 2, 0, 3), value=1.5), x)
    golden.save()


def algebra():
    golden = Golden("algebra")
    for name, a, b in [
        ("matrices", (3, 4), (4, 5)),
        ("vectors", (6,), (6,)),
        ("matrix_vector", (3, 4), (4,)),
        ("vector_matrix", (4,), (4, 3)),
        ("batches", (2, 3, 4), (2, 4, 5)),
        ("batch_matrix", (2, 3, 4), (4, 5)),
        ("matrix_batch", (3, 4), (2, 4, 5)),
        ("batches_broadcast", (2, 1, 3, 4), (3, 4, 2)),
        ("vector_batch", (4,), (2, 4, 3)),
        ("odd", (7, 33), (33, 17)),
    ]:
        golden.case(name, torch.matmul, normal(*a), normal(*b))
    golden.case("transposed", lambda a, b: a.T @ b.T, normal(4, 3), normal(5, 4))
    golden.case("linear", F.linear, normal(2, 3, 4), normal(5, 4), normal(5))
    golden.save()


def layers():
    golden = Golden("layers")
    golden.case("linear", F.linear, normal(6, 4), normal(3, 4), normal(3))
    golden.case("layer_norm", lambda x, w, b: F.layer_norm(x, (6,), w, b), normal(4, 6) * 3 + 1, normal(6), normal(6))
    golden.case(
        "layer_norm_two_axes", lambda x, w, b: F.layer_norm(x, (3, 4), w, b), normal(2, 3, 4), normal(3, 4), normal(3, 4)
    )
    x, weight, bias = normal(4, 3, 2, 3) * 2 + 0.5, normal(3), normal(3)
    mean, variance = torch.zeros(3).double(), torch.ones(3).double()
    golden.case(
        "batch_norm_train", lambda x, w, b: F.batch_norm(x, mean, variance, w, b, training=True, momentum=0.1), x, weight, bias
    )
    golden.put("batch_norm_train/mean", mean)
    golden.put("batch_norm_train/variance", variance)
    mean, variance = mean.float().double(), variance.float().double()
    golden.case("batch_norm_eval", lambda x, w, b: F.batch_norm(x, mean, variance, w, b, training=False), x, weight, bias)
    golden.case("gelu", F.gelu, normal(3, 5) * 2)
    golden.case("softmax", lambda x: torch.softmax(x, -1), normal(3, 5) * 2)
    golden.save()


def losses():
    golden = Golden("losses")
    x, y = normal(6, 4), normal(6, 4)
    classes = integers(4, 6)
    golden.case("mse", F.mse_loss, x, y)
    golden.case("mse_sum", lambda x, y: F.mse_loss(x, y, reduction="sum"), x, y)
    golden.case("l1", F.l1_loss, x, y)
    golden.case("cross_entropy", F.cross_entropy, x * 3, classes)
    golden.case("cross_entropy_none", lambda x, t: F.cross_entropy(x, t, reduction="none"), x, classes)
    golden.case("cross_entropy_sum", lambda x, t: F.cross_entropy(x, t, reduction="sum"), x, classes)
    golden.case("cross_entropy_smooth", lambda x, t: F.cross_entropy(x, t, label_smoothing=0.1), x, classes)
    golden.case("cross_entropy_ignored", lambda x, t: F.cross_entropy(x, t, ignore_index=1), x, torch.tensor([1, 0, 3, 1, 2, 1]))
    golden.case("cross_entropy_images", F.cross_entropy, normal(2, 3, 2, 2), integers(3, 2, 2, 2))
    golden.case("cross_entropy_large", F.cross_entropy, torch.tensor([[1000.0, -1000.0], [-500.0, 400.0]]), torch.tensor([1, 1]))
    golden.case("nll", lambda x, t: F.nll_loss(torch.log_softmax(x, 1), t), x, classes)
    golden.case("bce", F.binary_cross_entropy_with_logits, torch.cat([x, torch.tensor([[0.0, 90.0, -90.0, 20.0]])]),
                torch.rand(7, 4, generator=generator))
    # Probabilities as target: only the logits have a gradient here.
    probabilities = torch.softmax(y, 1)
    wide = (x.clone()).double().requires_grad_()
    out = F.cross_entropy(wide, probabilities.double())
    out.backward()
    golden.put("cross_entropy_soft/in0", x)
    golden.put("cross_entropy_soft/in1", probabilities)
    golden.put("cross_entropy_soft/out", out)
    golden.put("cross_entropy_soft/g", torch.tensor(1.0))
    golden.put("cross_entropy_soft/d0", wide.grad)
    golden.save()


OPTIMIZERS = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.1),
    "sgd_momentum": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9),
    "sgd_dampening": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, dampening=0.3),
    "sgd_nesterov": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
    "sgd_decay": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.5, weight_decay=0.05),
    "adam": lambda p: torch.optim.Adam(p, lr=0.02),
    "adam_decay": lambda p: torch.optim.Adam(p, lr=0.02, betas=(0.8, 0.95), eps=1e-6, weight_decay=0.1),
    "adam_amsgrad": lambda p: torch.optim.Adam(p, lr=0.02, amsgrad=True),
    "adamw": lambda p: torch.optim.AdamW(p, lr=0.02, weight_decay=0.1),
    "adamw_clipped": lambda p: torch.optim.AdamW(p, lr=0.02),
}


def optimizers():
    golden = Golden("optimizers")
    start = [normal(8, 6, scale=0.4), normal(8, scale=0.1), normal(3, 8, scale=0.4), normal(3, scale=0.1)]
    x, t = normal(5, 10, 6), integers(3, 5, 10)
    for index, tensor in enumerate(start):
        golden.put(f"start/{index}", tensor)
    golden.put("x", x)
    golden.put("t", t)
    for name, make in OPTIMIZERS.items():
        weights = [tensor.clone().double().requires_grad_() for tensor in start]
        optimizer = make(weights)
        values = []
        for step in range(5):
            optimizer.zero_grad()
            hidden = torch.tanh(F.linear(x[step].double(), weights[0], weights[1]))
            loss = F.cross_entropy(F.linear(hidden, weights[2], weights[3]), t[step])
            loss.backward()
            if name == "adamw_clipped":
                torch.nn.utils.clip_grad_norm_(weights, 0.25)
            optimizer.step()
            values.append(loss.detach())
        golden.put(f"{name}/losses", torch.stack(values))
        for index, tensor in enumerate(weights):
            golden.put(f"{name}/{index}", tensor)
    golden.save()


def promotion():
    """The dtype and the values of a + b, a * b and a / b for every pair of dtypes, and of a with scalars."""
    golden = Golden("promotion")
    dtypes = {
        "bool": torch.bool, "uint8": torch.uint8, "int32": torch.int32, "int64": torch.int64,
        "float16": torch.float16, "bfloat16": torch.bfloat16, "float32": torch.float32,
    }

    def values(dtype, numbers):
        return torch.tensor(numbers).to(dtype)

    for an, at in dtypes.items():
        a = values(at, [1, 0, 3])
        golden.put(f"a/{an}", a)
        golden.put(f"b/{an}", values(at, [2, 5, 1]))
        for bn, bt in dtypes.items():
            b = values(bt, [2, 5, 1])
            golden.tensors[f"add/{an}/{bn}"] = a + b
            golden.tensors[f"multiply/{an}/{bn}"] = a * b
            golden.tensors[f"divide/{an}/{bn}"] = a / b
            golden.tensors[f"less/{an}/{bn}"] = a < b
        golden.tensors[f"add_int/{an}"] = a + 2
        golden.tensors[f"add_float/{an}"] = a + 1.5
        golden.tensors[f"divide_int/{an}"] = a / 2
        golden.tensors[f"sum/{an}"] = a.sum()
        golden.tensors[f"exp/{an}"] = torch.exp(a)
    golden.save()


def weighted_losses():
    """Losses with a weight for each class, through which no gradient flows, nor to a target of probabilities."""
    golden = Golden("weighted_losses")
    x, classes, weight = normal(6, 4) * 2, integers(4, 6), torch.tensor([0.5, 2.0, 0.0, 1.25])
    gaps = torch.tensor([1, 0, 3, 1, 2, 1])

    def case(name, loss, x, target, **options):
        def function(x, t, w):
            return loss(x, t.detach(), weight=w.detach(), **options)

        golden.case(name, function, x, target, weight)

    case("mean", F.cross_entropy, x, classes)
    case("none", F.cross_entropy, x, classes, reduction="none")
    case("sum", F.cross_entropy, x, classes, reduction="sum")
    case("smooth", F.cross_entropy, x, classes, label_smoothing=0.1)
    case("smooth_none", F.cross_entropy, x, classes, label_smoothing=0.3, reduction="none")
    case("ignored", F.cross_entropy, x, gaps, ignore_index=1)
    case("ignored_smooth", F.cross_entropy, x, gaps, ignore_index=1, label_smoothing=0.2)
    case("ignored_smooth_sum", F.cross_entropy, x, gaps, ignore_index=1, label_smoothing=0.2, reduction="sum")
    case("images", F.cross_entropy, normal(2, 4, 3), integers(4, 2, 3))
    case("soft", F.cross_entropy, x, torch.softmax(normal(6, 4), 1))
    case("soft_smooth", F.cross_entropy, x, torch.softmax(normal(6, 4), 1), label_smoothing=0.1)
    likelihood = torch.log_softmax(x, 1)
    case("nll", F.nll_loss, likelihood, classes)
    case("nll_none", F.nll_loss, likelihood, classes, reduction="none")
    case("nll_ignored", F.nll_loss, likelihood, gaps, ignore_index=1)
    golden.case("nll_only_ignored", lambda x, t: F.nll_loss(x, t, ignore_index=1), likelihood, gaps)
    golden.save()


if __name__ == "__main__":
    torch.manual_seed(0)
    convolution()
    pointwise()
    reductions()
    selection()
    algebra()
    layers()
    losses()
    optimizers()
    promotion()
    weighted_losses()
