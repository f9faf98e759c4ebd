#!/usr/bin/env python3
"""Writes scans.safetensors beside this script: what PyTorch computes along an axis, as make_golden.py describes it.

    python make_golden_scans.py        # needs torch and safetensors

A case whose name ends in _again has the gradient of a gradient: of the sum of the gradient by the input times `in1`.
"""

import torch
from make_golden import Golden, integers, normal


def reverse(function, axis):
    return lambda x: function(x.flip(axis), axis).flip(axis)


def again(golden, name, function, x):
    """The gradients by the input and by the result's gradient of the gradient, weighted."""
    weights, upstream = normal(*x.shape), normal(*x.shape)

    def gradient(x, weights, upstream):
        return torch.autograd.grad(function(x), x, upstream, create_graph=True)[0] * weights

    golden.case(name, gradient, x, weights, upstream)


def scans():
    golden = Golden("scans")
    x = normal(3, 5, 4)
    functions = {"cumsum": torch.cumsum, "cumprod": torch.cumprod, "logcumsumexp": torch.logcumsumexp}
    zeros = normal(4, 6)
    zeros[0, 2] = zeros[1, 0] = zeros[1, 3] = zeros[2, 5] = 0
    for name, function in functions.items():
        for axis in range(3):
            golden.case(f"{name}_{axis}", lambda x, f=function, a=axis: f(x, a), x)
        golden.case(f"{name}_reverse", reverse(function, 1), x)
        golden.case(f"{name}_row", lambda x, f=function: f(x, -1), normal(37))
        golden.case(f"{name}_one", lambda x, f=function: f(x, 0), normal(1, 3))
        golden.case(f"{name}_rank_0", lambda x, f=function: f(x, 0), normal())
        golden.case(f"{name}_zeros", lambda x, f=function: f(x, 1), zeros)
        again(golden, f"{name}_again", lambda x, f=function: f(x, 1), normal(2, 5))
        again(golden, f"{name}_reverse_again", lambda x, f=function: reverse(f, 0)(x), normal(5, 2))
        again(golden, f"{name}_zeros_again", lambda x, f=function: f(x, 1), zeros)
        golden.exact(f"{name}_empty", lambda x, f=function: f(x, 1), torch.zeros(2, 0, 3))
        golden.exact(f"{name}_half", lambda x, f=function: f(x, 1), normal(2, 9).half())
        golden.exact(f"{name}_bfloat", lambda x, f=function: f(x, 1), normal(2, 9).bfloat16())
    golden.case("cumprod_zeros_reverse", reverse(torch.cumprod, 1), zeros)
    # Over many steps one rounding of float16 is seen, and that of every step is not.
    golden.exact("cumsum_half_far", lambda x: torch.cumsum(x, 0), torch.full((3000,), 0.1).half())

    wide = torch.tensor([[1e4, -1e4, 88.0, -100.0, 9999.5], [-3e38, -1e30, 5.0, 1e30, 3e38]])
    golden.case("logcumsumexp_wide", lambda x: torch.logcumsumexp(x, 1), wide[:1])
    golden.exact("logcumsumexp_huge", lambda x: torch.logcumsumexp(x, 1), wide)
    special = torch.tensor([-torch.inf, -torch.inf, 1.0, torch.inf, 2.0, torch.nan, 3.0])
    golden.exact("logcumsumexp_special", lambda x: torch.logcumsumexp(x, 0), special)
    golden.exact("cumsum_special", lambda x: torch.cumsum(x, 0), special[2:])
    golden.exact("cumprod_special", lambda x: torch.cumprod(x, 0), special[2:])

    ties = integers(3, 4, 9).float()
    special = torch.tensor([1.0, 3.0, -torch.inf, 3.0, torch.nan, torch.inf, 5.0, torch.nan, 2.0])
    zeros = torch.tensor([0.0, -0.0, 0.0, -0.0])
    for name, function in {"cummax": torch.cummax, "cummin": torch.cummin}.items():
        for axis in range(3):
            golden.case(f"{name}_{axis}", lambda x, f=function, a=axis: f(x, a)[0], x)
            golden.exact(f"{name}_{axis}_places", lambda x, f=function, a=axis: f(x, a)[1], x)
        golden.case(f"{name}_ties", lambda x, f=function: f(x, 1)[0], ties)
        golden.case(f"{name}_reverse", reverse(lambda x, a, f=function: f(x, a)[0], 1), x)
        golden.case(f"{name}_rank_0", lambda x, f=function: f(x, 0)[0], normal())
        golden.exact(f"{name}_ties_places", lambda x, f=function: f(x, 1)[1], ties)
        for case, value in (("special", special), ("zeros", zeros)):
            golden.exact(f"{name}_{case}", lambda x, f=function: f(x, 0)[0], value)
            golden.exact(f"{name}_{case}_places", lambda x, f=function: f(x, 0)[1], value)
        for dtype in (torch.bool, torch.uint8, torch.int32, torch.int64, torch.float16, torch.bfloat16):
            value = integers(3, 2, 7).to(dtype)
            kind = str(dtype).removeprefix("torch.")
            golden.exact(f"{name}_{kind}", lambda x, f=function: f(x, 1)[0], value)
            golden.exact(f"{name}_{kind}_places", lambda x, f=function: f(x, 1)[1], value)
        golden.exact(f"{name}_empty_places", lambda x, f=function: f(x, 1)[1], torch.zeros(2, 0))

    for name, function in (("cumsum", torch.cumsum), ("cumprod", torch.cumprod)):
        for dtype in (torch.bool, torch.uint8, torch.int32, torch.int64):
            value = integers(200, 3, 11).to(dtype)
            golden.exact(f"{name}_{str(dtype).removeprefix('torch.')}", lambda x, f=function: f(x, 1), value)
        golden.exact(f"{name}_to_uint8", lambda x, f=function: f(x, 0, dtype=torch.uint8), integers(200, 9))
        golden.exact(f"{name}_to_int32", lambda x, f=function: f(x, 0, dtype=torch.int32), normal(9, scale=5))
        golden.exact(f"{name}_to_float32", lambda x, f=function: f(x, 0, dtype=torch.float32), integers(9, 9))
    golden.save()


if __name__ == "__main__":
    scans()
