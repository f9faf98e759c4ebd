#!/usr/bin/env python3
"""Writes the golden files of the tensor functions that are made of others, as make_golden.py does with its own.

    python make_golden_tensors.py [GROUP ...]        # needs torch and safetensors; the files are the same at every run

Each group has a generator of its own, so that one can be written without the others.
"""

import sys

import torch
import torch.nn.functional as F

import make_golden
from make_golden import Golden, integers, normal


def shapes():
    golden = Golden("tensor_shapes")
    x, v, b = normal(4, 5), normal(4), normal(2, 3, 4)
    golden.case("tril", lambda x: torch.tril(x, 1), x)
    golden.case("triu", lambda x: torch.triu(x, -1), b)
    golden.exact("tril_bool", torch.tril, torch.ones(3, 4, dtype=torch.bool))
    golden.exact("triu_int", lambda x: torch.triu(x, 2), integers(9, 3, 5))
    golden.case("diag_vector", lambda v: torch.diag(v, 1), v)
    golden.case("diag_vector_below", lambda v: torch.diag(v, -2), v)
    golden.case("diag_matrix", lambda x: torch.diag(x, -1), x)
    golden.case("diagonal", lambda b: torch.diagonal(b, 1, 0, 2), b)
    golden.case("diagonal_below", lambda b: torch.diagonal(b, -1, -1, 1), b)
    golden.exact("diagonal_outside", lambda x: torch.diagonal(x, 5), x)
    golden.case("diag_embed", lambda b: torch.diag_embed(b, 1, 0, 2), b)
    golden.case("diag_embed_below", lambda b: torch.diag_embed(b, -2), b)
    golden.case("trace", torch.trace, x)
    golden.exact("trace_int", torch.trace, integers(9, 3, 5))
    for name, indexing in [("ij", "ij"), ("xy", "xy")]:
        for i in range(3):
            golden.case(
                f"meshgrid_{name}{i}",
                lambda a, b, c: torch.meshgrid(a, b, c, indexing=indexing)[i], normal(2), normal(3), normal(4))
    golden.case("roll", lambda b: torch.roll(b, (1, -2), (0, 2)), b)
    golden.case("roll_flat", lambda b: torch.roll(b, 5), b)
    golden.case("repeat", lambda x: x.repeat(2, 1, 3), x)
    golden.case("tile", lambda b: b.tile(2, 2), b)
    golden.exact("repeat_none", lambda x: x.repeat(2, 0, 3), x)
    golden.case("repeat_interleave", lambda b: b.repeat_interleave(2, 1), b)
    golden.case("repeat_interleave_flat", lambda x: x.repeat_interleave(3), x)
    golden.case("repeat_interleave_counts", lambda b, c: b.repeat_interleave(c, 1), b, torch.tensor([2, 0, 3]))
    for k in range(-1, 4):
        golden.case(f"rot90_{k + 1}", lambda b: torch.rot90(b, k, [0, 2]), b)
    golden.case("movedim", lambda b: torch.movedim(b, (0, -1), (-1, 0)), b)
    golden.case("movedim_one", lambda b: torch.movedim(b, 0, 1), b)
    golden.case("unbind", lambda b: b.unbind(1)[2], b)
    golden.case("split_sizes", lambda x: x.split([1, 3, 1], 1)[1], x)
    golden.case("tensor_split", lambda x: x.tensor_split(3, 1)[1], x)
    golden.case("tensor_split_at", lambda x: x.tensor_split((1, -1), 1)[1], x)
    golden.exact("tensor_split_crossed", lambda x: x.tensor_split((4, 2), 1)[1], x)
    golden.case("unflatten", lambda b: b.unflatten(2, (2, -1)), b)
    for name, stack in [("hstack", torch.hstack), ("vstack", torch.vstack), ("dstack", torch.dstack)]:
        golden.case(name, lambda a, b: stack([a, b]), v, normal(4))
        golden.case(f"{name}_matrices", lambda a, b: stack([a, b]), x, normal(4, 5))
    golden.case("column_stack", lambda a, b: torch.column_stack([a, b]), v, x)
    golden.case("at_least_3d", torch.atleast_3d, x)
    golden.case("unfold", lambda b: b.unfold(2, 2, 1), b)
    golden.case("unfold_side_by_side", lambda x: x.unfold(1, 2, 2), x)
    golden.case("unfold_apart", lambda x: x.unfold(0, 1, 3), x)
    picture = normal(2, 3, 5, 6)
    window = dict(dilation=(1, 2), padding=(1, 0), stride=(2, 1))
    golden.case("unfold2d", lambda p: F.unfold(p, (2, 3), **window), picture)
    columns = F.unfold(picture, (2, 3), **window)
    golden.case("fold", lambda c: F.fold(c, (5, 6), (2, 3), **window), normal(*columns.shape))
    golden.case("fold_one", lambda c: F.fold(c, (5, 6), (2, 3), **window), normal(*columns.shape[1:]))
    golden.case("any_axes", lambda b: (b > 1).any(2).any(0), b, gradients=False)
    golden.case("all_axes", lambda b: (b > -1).all(2).all(0), b, gradients=False)
    golden.case("std_axes", lambda b: b.std((0, 2)), b)
    golden.case("variance_fractional", lambda b: b.var((0, 2), correction=0.5), b)
    golden.save()


GROUPS = [shapes]

if __name__ == "__main__":
    for number, group in enumerate(GROUPS):
        make_golden.generator.manual_seed(20261127 + number)
        if len(sys.argv) == 1 or group.__name__ in sys.argv[1:]:
            group()
