#!/usr/bin/env python3
"""Writes functions.safetensors beside this script: pointwise functions of PyTorch, for GoldenFunctionTests.swift.

    python make_golden_functions.py        # needs torch and safetensors; the file is the same at every run

The cases are named as those of make_golden.py, whose helpers it takes.
"""

import math

import torch

import make_golden
from make_golden import Golden, integers, normal

make_golden.generator.manual_seed(20261127)

INF, NAN = math.inf, math.nan


def uniform(low, high, *shape):
    return low + (high - low) * torch.rand(shape, generator=make_golden.generator)


def smooth(golden):
    x = uniform(-3, 3, 4, 7)
    unit = uniform(-0.97, 0.97, 4, 7)
    positive = uniform(0.05, 9, 4, 7)
    for name, function, values in [
        ("atan", torch.atan, x), ("asin", torch.asin, unit), ("acos", torch.acos, unit),
        ("sinh", torch.sinh, x), ("cosh", torch.cosh, x),
        ("asinh", torch.asinh, x), ("acosh", torch.acosh, uniform(1.05, 6, 4, 7)), ("atanh", torch.atanh, unit),
        ("exp2", torch.exp2, x), ("log2", torch.log2, positive), ("log10", torch.log10, positive),
        ("erfc", torch.erfc, x), ("erfinv", torch.erfinv, unit),
        ("lgamma", torch.lgamma, torch.cat([positive, torch.tensor([[-0.5, -1.25, -2.5, -3.75, 12.5, 100, 0.01]])])),
        ("digamma", torch.digamma, torch.cat([positive, torch.tensor([[-0.4, -1.25, -2.6, -3.75, 12.5, 100, 0.01]])])),
        ("sinc", torch.sinc, torch.cat([uniform(0.4, 3, 3, 7), torch.tensor([[0.0, -0.5, 1.5, -1.25, 2.5, -0.75, 0.6]])])),
        ("logit", torch.logit, uniform(0.02, 0.98, 4, 7)),
        ("logit_eps", lambda t: torch.logit(t, 0.1), uniform(0.0, 1.0, 4, 7)),
        ("softsign", torch.nn.functional.softsign, x), ("frac", torch.frac, x),
        ("deg2rad", torch.deg2rad, x * 90), ("rad2deg", torch.rad2deg, x),
        ("nan_to_num", lambda t: torch.nan_to_num(t, 2.0, 3.0, -4.0), torch.tensor([1.5, NAN, INF, -INF, -0.5])),
        ("fmod_scalar", lambda t: torch.fmod(t, 0.7), x), ("floor_divide_scalar", lambda t: torch.floor_divide(t, 0.7).detach() + 0 * t, x),
        ("lerp_scalar", lambda t: torch.lerp(t, t.flip(0), 0.8), x),
    ]:
        golden.case(name, function, values)
    y = uniform(-3, 3, 7)
    for name, function in [
        ("atan2", torch.atan2), ("hypot", torch.hypot), ("fmod", torch.fmod), ("copysign", torch.copysign),
        ("logaddexp", torch.logaddexp), ("logaddexp2", torch.logaddexp2),
    ]:
        golden.case(name, function, x, y)
    golden.case("xlogy", torch.xlogy, torch.where(x > 2, torch.zeros_like(x), x), uniform(0.1, 4, 7))
    golden.case("lerp", torch.lerp, x, y, uniform(-0.5, 1.5, 4, 1))
    golden.case("clamp_tensors", torch.clamp, x, uniform(-2, 0.5, 7), uniform(-0.2, 2, 4, 1))
    golden.case("clamp_min", lambda t, low: torch.clamp(t, min=low), x, uniform(-2, 0.5, 7))
    golden.case("clamp_max", lambda t, high: torch.clamp(t, max=high), x, uniform(-2, 0.5, 7))
    golden.case("addcmul", lambda t, a, b: torch.addcmul(t, a, b, value=-0.6), x, y, uniform(-2, 2, 4, 1))
    golden.case("addcdiv", lambda t, a, b: torch.addcdiv(t, a, b, value=-0.6), x, y, uniform(0.5, 2, 4, 1))


def special(golden):
    """What becomes of NaN, infinities, zeros of both signs and the ends of domains."""
    numbers = torch.tensor([NAN, INF, -INF, 0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0, 8.0, 1000.0, 1e-30, -1e-30, 1e9])
    for name in [
        "atan", "asin", "acos", "sinh", "cosh", "asinh", "acosh", "atanh", "exp2", "log2", "log10", "erfc", "erfinv",
        "lgamma", "digamma", "logit", "frac",
    ]:
        golden.case(f"special_{name}", getattr(torch, name), numbers, gradients=False)
    for name in ["isinf", "isfinite", "isposinf", "isneginf"]:
        golden.exact(name, getattr(torch, name), numbers)
    golden.exact("signbit", torch.signbit, numbers[1:])
    golden.exact("nan_to_num_defaults", torch.nan_to_num, numbers)
    few = torch.tensor([NAN, INF, -INF, 0.0, -0.0, 1.5, -2.0])
    a, b = few.repeat_interleave(len(few)), few.repeat(len(few))
    for name in ["atan2", "hypot", "fmod", "floor_divide", "xlogy", "logaddexp", "logaddexp2", "copysign", "heaviside"]:
        first = a.nan_to_num(3.0) if name == "copysign" else a
        second = b.nan_to_num(3.0) if name == "copysign" else b
        golden.case(f"special_{name}", getattr(torch, name), first, second, gradients=False)


def whole(golden):
    """Integers: results and dtypes as they are."""
    for dtype in [torch.uint8, torch.int32, torch.int64]:
        kind = str(dtype).split(".")[1]
        low = 0 if dtype == torch.uint8 else -90
        a = (integers(200 + low, 40) if low == 0 else integers(180, 40) + low).to(dtype)
        b = (integers(20, 40) if low == 0 else integers(40, 40) - 20).to(dtype)
        divisor = torch.where(b == 0, torch.ones_like(b), b)
        for name in ["fmod", "floor_divide", "remainder"]:
            golden.exact(f"{kind}_{name}", getattr(torch, name), a, divisor)
        for name in ["bitwise_and", "bitwise_or", "bitwise_xor"]:
            golden.exact(f"{kind}_{name}", getattr(torch, name), a, b)
        golden.exact(f"{kind}_bitwise_not", torch.bitwise_not, a)
        places = torch.arange(40).to(dtype) if low == 0 else (torch.arange(40) * 2 - 8).to(dtype)
        golden.exact(f"{kind}_shift_left", torch.bitwise_left_shift, a, places)
        golden.exact(f"{kind}_shift_right", torch.bitwise_right_shift, a, places)
        golden.exact(f"{kind}_atan", torch.atan, a)
        golden.exact(f"{kind}_heaviside", torch.heaviside, a, b)
        golden.exact(f"{kind}_signbit", torch.signbit, a)
    bools = torch.tensor([True, True, False, False]), torch.tensor([True, False, True, False])
    for name in ["bitwise_and", "bitwise_or", "bitwise_xor"]:
        golden.exact(f"bool_{name}", getattr(torch, name), *bools)
    golden.exact("bool_bitwise_not", torch.bitwise_not, bools[0])
    golden.exact("float_power", lambda t: torch.float_power(t, 3), torch.tensor([1, -2, 3], dtype=torch.int32))


if __name__ == "__main__":
    golden = Golden("functions")
    smooth(golden)
    special(golden)
    whole(golden)
    golden.save()
