#!/usr/bin/env python3
"""Writes half_modules.safetensors and half_optimizers.safetensors beside this script: what PyTorch computes in float16 and
bfloat16, for GoldenHalfTests.swift.

    python make_golden_half.py    # needs torch and safetensors; the files are the same at every run

Cases are laid out as by make_golden_modules.py, but modules, inputs, results and gradients are of the short type that a
case's name begins with (`bfloat16.linear`). An optimizer's case has start/i, the gradients grad/step/i and the weights
after five steps, i.
"""

import pathlib

import torch
import torch.nn as nn
import torch.nn.functional as F
from safetensors.torch import save_file

HERE = pathlib.Path(__file__).parent
generator = torch.Generator().manual_seed(20261128)
torch.manual_seed(20261128)
TYPES = {"float16": torch.float16, "bfloat16": torch.bfloat16}


def normal(*shape, scale=1.0):
    return torch.randn(shape, generator=generator) * scale


def integers(bound, *shape):
    return torch.randint(0, bound, shape, generator=generator)


class Cases:
    """The cases of one file, all in one short type."""

    def __init__(self, tensors, name):
        self.tensors = tensors
        self.prefix = name
        self.dtype = TYPES[name]

    def put(self, name, tensor):
        name = f"{self.prefix}.{name}"
        assert name not in self.tensors, name
        self.tensors[name] = tensor.detach().clone().contiguous()

    def case(self, name, module, *inputs, train=True, call=None):
        """Runs a module, or a function with call, on the inputs, floats in the short type."""
        if isinstance(module, nn.Module):
            for parameter in module.parameters():
                with torch.no_grad():
                    parameter.copy_(normal(*parameter.shape, scale=0.4))
            module = module.to(self.dtype).train(train)
            for key, value in module.state_dict().items():
                self.put(f"{name}/state/{key}", value)
        inputs = [
            x.to(self.dtype).requires_grad_(True) if x.dtype.is_floating_point else x for x in inputs
        ]
        for index, x in enumerate(inputs):
            self.put(f"{name}/in{index}", x)
        out = (call or (lambda *arguments: module(*arguments)))(*inputs)
        outs = [x for x in (out if isinstance(out, (tuple, list)) else [out]) if x is not None]
        total = 0
        for index, x in enumerate(outs):
            assert x.dtype == self.dtype, (name, x.dtype)
            self.put(f"{name}/out{index}", x)
            g = normal(*x.shape).to(self.dtype)
            self.put(f"{name}/g{index}", g)
            # In float64, so that each result's gradient is g itself.
            total = total + (x.double() * g.double()).sum()
        if isinstance(module, nn.Module):
            for key, value in module.named_buffers():
                self.put(f"{name}/after/{key}", value)
        total.backward()
        for index, x in enumerate(inputs):
            if x.requires_grad:
                self.put(f"{name}/d{index}", x.grad if x.grad is not None else torch.zeros_like(x))
        if isinstance(module, nn.Module):
            for key, value in module.named_parameters():
                self.put(f"{name}/grad/{key}", value.grad if value.grad is not None else torch.zeros_like(value))


def layers(c):
    c.case("linear", nn.Linear(9, 5), normal(4, 9))
    c.case("linear_no_bias", nn.Linear(5, 3, bias=False), normal(2, 4, 5))
    c.case("matmul", None, normal(2, 3, 7), normal(2, 7, 4), call=torch.matmul)
    c.case("conv1d", nn.Conv1d(2, 3, 3, padding=1), normal(2, 2, 5))
    c.case("conv2d", nn.Conv2d(2, 3, 3, padding=1), normal(2, 2, 4, 3))
    c.case("conv2d_strided", nn.Conv2d(2, 4, (3, 2), stride=2, bias=False), normal(2, 2, 4, 5))
    c.case("conv2d_groups", nn.Conv2d(4, 6, 3, groups=2, padding=2, dilation=2), normal(1, 4, 3, 3))
    c.case("conv_transpose2d", nn.ConvTranspose2d(2, 2, 3, stride=2), normal(2, 2, 2, 3))
    c.case("max_pool2d", nn.MaxPool2d(2), normal(2, 2, 4, 4))
    c.case("max_pool2d_overlapping", nn.MaxPool2d(3, 2, 1), normal(1, 2, 5, 5))
    c.case("avg_pool2d", nn.AvgPool2d(2), normal(2, 2, 4, 4))
    c.case("embedding", nn.Embedding(7, 4), integers(7, 3, 5))
    c.case("batch_norm2d", nn.BatchNorm2d(2), normal(2, 2, 3, 2))
    c.case("batch_norm2d_eval", nn.BatchNorm2d(2), normal(2, 2, 3, 2), train=False)
    c.case("layer_norm", nn.LayerNorm(8), normal(3, 8))
    c.case("group_norm", nn.GroupNorm(2, 4), normal(2, 4, 3))
    c.case("rms_norm", nn.RMSNorm(8), normal(3, 8))
    c.case("gelu", nn.GELU(), normal(3, 8))
    c.case("silu", nn.SiLU(), normal(3, 8))
    c.case("softmax", nn.Softmax(dim=-1), normal(3, 9))
    c.case("log_softmax", nn.LogSoftmax(dim=-1), normal(3, 9))


def losses(c):
    c.case("cross_entropy", None, normal(4, 7), integers(7, 4), call=F.cross_entropy)
    c.case("cross_entropy_smooth", None, normal(4, 7), integers(7, 4),
           call=lambda x, t: F.cross_entropy(x, t, label_smoothing=0.1))
    c.case("mse", None, normal(3, 4), normal(3, 4), call=F.mse_loss)
    c.case("l1", None, normal(3, 4), normal(3, 4), call=F.l1_loss)
    c.case("smooth_l1", None, normal(3, 4), normal(3, 4), call=F.smooth_l1_loss)
    c.case("bce_logits", None, normal(3, 4), torch.rand((3, 4), generator=generator),
           call=lambda x, t: F.binary_cross_entropy_with_logits(x, t.detach()))
    c.case("scaled_dot_product", None, normal(1, 2, 3, 4), normal(1, 2, 4, 4), normal(1, 2, 4, 4),
           call=F.scaled_dot_product_attention)


def flat(module):
    """Calls a recurrent module or an attention so that its results are in one list."""
    def call(*inputs):
        if isinstance(module, nn.MultiheadAttention):
            x = inputs[0]
            return [module(x, x, x, need_weights=False)[0]]
        output, state = module(*inputs)
        return [output] + (list(state) if isinstance(state, tuple) else [state])
    return call


def sequences(c):
    for name, module in {"lstm": nn.LSTM(4, 3), "gru": nn.GRU(4, 3)}.items():
        c.case(name, module, normal(3, 2, 4), call=flat(module))
    attention = nn.MultiheadAttention(8, 2, batch_first=True)
    c.case("attention", attention, normal(2, 3, 8), call=flat(attention))


def optimizers(tensors, name):
    dtype = TYPES[name]
    shapes = [(5, 4), (5,), (3, 5)]
    for key, make in {
        "sgd": lambda p: torch.optim.SGD(p, lr=0.1),
        "sgd_momentum": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.05),
        "adam": lambda p: torch.optim.Adam(p, lr=0.02, eps=1e-4),
        "adamw": lambda p: torch.optim.AdamW(p, lr=0.02, eps=1e-4, weight_decay=0.1),
    }.items():
        case = f"{name}.{key}"
        weights = [nn.Parameter(normal(*shape).to(dtype)) for shape in shapes]
        for index, weight in enumerate(weights):
            tensors[f"{case}/start/{index}"] = weight.detach().clone()
        optimizer = make(weights)
        for step in range(5):
            for index, weight in enumerate(weights):
                weight.grad = normal(*weight.shape).to(dtype)
                tensors[f"{case}/grad/{step}/{index}"] = weight.grad.clone()
            optimizer.step()
        for index, weight in enumerate(weights):
            tensors[f"{case}/{index}"] = weight.detach().clone()


def save(name, tensors):
    path = HERE / f"{name}.safetensors"
    save_file(tensors, str(path))
    path.chmod(0o644)
    print(f"{path.name}: {len(tensors)} tensors, {path.stat().st_size} bytes")


if __name__ == "__main__":
    modules = {}
    for name in TYPES:
        cases = Cases(modules, name)
        layers(cases)
        sequences(cases)
        losses(cases)
    save("half_modules", modules)
    rules = {}
    for name in TYPES:
        optimizers(rules, name)
    save("half_optimizers", rules)
